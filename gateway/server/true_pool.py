"""What gRPC reflection shows: TensorFlow Serving's services under their full names and with their true types.

The gateway's own stubs live under other names and see packed numbers as bytes. So a pool of its own is made from
their descriptors: packages and files renamed, those fields turned back. Nothing of it enters the default pool, where
a process that also imports TensorFlow would find two of each.
"""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor

from protos.stubs.tidegate.wire.v1 import (
    example_pb2,
    inference_pb2,
    management_pb2,
    metadata_pb2,
    model_pb2,
    predict_pb2,
    services_pb2,
    signature_pb2,
    tensor_pb2,
)

_Field = descriptor_pb2.FieldDescriptorProto

OURS = "tidegate.wire.v1"
CORE = "tensorflow"  # tensors, examples and signatures
SERVING = "tensorflow.serving"  # everything else

# Each after those it imports.
_FILES: tuple[tuple[FileDescriptor, str], ...] = (
    (tensor_pb2.DESCRIPTOR, CORE),
    (example_pb2.DESCRIPTOR, CORE),
    (signature_pb2.DESCRIPTOR, CORE),
    (model_pb2.DESCRIPTOR, SERVING),
    (predict_pb2.DESCRIPTOR, SERVING),
    (inference_pb2.DESCRIPTOR, SERVING),
    (metadata_pb2.DESCRIPTOR, SERVING),
    (management_pb2.DESCRIPTOR, SERVING),
    (services_pb2.DESCRIPTOR, SERVING),
)

# Fields that our wire schema declares bytes, and what they truly are (repeated and packed).
TRUE_TYPES: dict[str, _Field.Type.ValueType] = {
    "TensorProto.float_val": _Field.TYPE_FLOAT,
    "TensorProto.double_val": _Field.TYPE_DOUBLE,
    "TensorProto.scomplex_val": _Field.TYPE_FLOAT,
    "TensorProto.dcomplex_val": _Field.TYPE_DOUBLE,
}


def true_pool() -> descriptor_pool.DescriptorPool:
    """A pool in which TensorFlow Serving's messages have their own names and types."""
    pool = descriptor_pool.DescriptorPool()
    homes = {name: package for file, package in _FILES for name in _declared(file)}
    for known in (any_pb2.DESCRIPTOR, wrappers_pb2.DESCRIPTOR):
        pool.AddSerializedFile(known.serialized_pb)
    for file, package in _FILES:
        pool.AddSerializedFile(_renamed(file, package, homes).SerializeToString())
    return pool


def _declared(file: FileDescriptor) -> list[str]:
    return [*file.message_types_by_name, *file.enum_types_by_name]


def _renamed(file: FileDescriptor, package: str, homes: dict[str, str]) -> descriptor_pb2.FileDescriptorProto:
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    proto.name = _file_name(proto.name)
    proto.package = package
    for position, dependency in enumerate(proto.dependency):
        proto.dependency[position] = _file_name(dependency)
    for message in proto.message_type:
        _rename_message(message, homes)
    for service in proto.service:
        for method in service.method:
            method.input_type = _true_name(method.input_type, homes)
            method.output_type = _true_name(method.output_type, homes)
    return proto


def _rename_message(message: descriptor_pb2.DescriptorProto, homes: dict[str, str]) -> None:
    for field in message.field:
        if field.type_name:
            field.type_name = _true_name(field.type_name, homes)
        true_type = TRUE_TYPES.get(f"{message.name}.{field.name}")
        if true_type is not None:
            field.type = true_type
            field.label = _Field.LABEL_REPEATED
    for nested in message.nested_type:
        _rename_message(nested, homes)


def _true_name(type_name: str, homes: dict[str, str]) -> str:
    """ ".tidegate.wire.v1.ModelSpec" -> ".tensorflow.serving.ModelSpec"; other packages stay."""
    prefix = f".{OURS}."
    if not type_name.startswith(prefix):
        return type_name
    short = type_name[len(prefix) :]
    return f".{homes[short.partition('.')[0]]}.{short}"


def _file_name(name: str) -> str:
    return name.replace("tidegate/wire/v1/", "tidegate/reflection/")
