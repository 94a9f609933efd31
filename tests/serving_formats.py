"""TensorFlow Serving's text formats that tensorflow-serving-api leaves out, by field name, type and number.

Sources: session_bundle_config.proto and monitoring_config.proto of TensorFlow Serving. A name that isn't one of its
fields, or a value of another type, fails to parse, as it does in the server.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_TYPE = descriptor_pb2.FieldDescriptorProto
_WRAPPERS = wrappers_pb2.DESCRIPTOR.name
_BOOL_VALUE, _INT64_VALUE = ".google.protobuf.BoolValue", ".google.protobuf.Int64Value"
_STRING_VALUE = ".google.protobuf.StringValue"
_PACKAGE = "tidegate_test.tensorflow_serving"


def _field(message: Any, number: int, name: str, kind: int, type_name: str = "", repeated: bool = False) -> None:
    label = _TYPE.LABEL_REPEATED if repeated else _TYPE.LABEL_OPTIONAL
    message.field.add(name=name, number=number, type=kind, type_name=type_name or None, label=label)


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="tidegate_test/serving_formats.proto", package=_PACKAGE, syntax="proto3", dependency=[_WRAPPERS]
    )
    batching = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, name in enumerate(names, start=1):
        _field(batching, number, name, _TYPE.TYPE_MESSAGE, _INT64_VALUE)
    _field(batching, 5, "thread_pool_name", _TYPE.TYPE_MESSAGE, _STRING_VALUE)
    _field(batching, 6, "allowed_batch_sizes", _TYPE.TYPE_INT64, repeated=True)
    _field(batching, 7, "pad_variable_length_inputs", _TYPE.TYPE_BOOL)
    _field(batching, 8, "enable_large_batch_splitting", _TYPE.TYPE_MESSAGE, _BOOL_VALUE)
    _field(batching, 9, "max_execution_batch_size", _TYPE.TYPE_MESSAGE, _INT64_VALUE)
    prometheus = file.message_type.add(name="PrometheusConfig")
    _field(prometheus, 1, "enable", _TYPE.TYPE_BOOL)
    _field(prometheus, 2, "path", _TYPE.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    _field(monitoring, 1, "prometheus_config", _TYPE.TYPE_MESSAGE, f".{_PACKAGE}.PrometheusConfig")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


def message(name: str) -> Any:
    """A fresh `BatchingParameters` or `MonitoringConfig`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))()
