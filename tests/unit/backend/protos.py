"""TensorProto-shaped messages without TensorFlow: the same names and wire numbers, from a definition made here."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS = descriptor_pb2.FieldDescriptorProto
_FIELDS = {
    "dtype": (1, _KINDS.TYPE_INT32, False),
    "version_number": (3, _KINDS.TYPE_INT32, False),
    "tensor_content": (4, _KINDS.TYPE_BYTES, False),
    "float_val": (5, _KINDS.TYPE_FLOAT, True),
    "double_val": (6, _KINDS.TYPE_DOUBLE, True),
    "int_val": (7, _KINDS.TYPE_INT32, True),
    "string_val": (8, _KINDS.TYPE_BYTES, True),
    "scomplex_val": (9, _KINDS.TYPE_FLOAT, True),
    "int64_val": (10, _KINDS.TYPE_INT64, True),
    "bool_val": (11, _KINDS.TYPE_BOOL, True),
    "dcomplex_val": (12, _KINDS.TYPE_DOUBLE, True),
    "half_val": (13, _KINDS.TYPE_INT32, True),
    "uint32_val": (16, _KINDS.TYPE_UINT32, True),
    "uint64_val": (17, _KINDS.TYPE_UINT64, True),
}


@cache
def tensor_class() -> Any:
    """The message class."""
    file = descriptor_pb2.FileDescriptorProto(name="fake_tensor.proto", package="fake", syntax="proto3")
    dim = file.message_type.add(name="Dim")
    dim.field.add(name="size", number=1, label=_KINDS.LABEL_OPTIONAL, type=_KINDS.TYPE_INT64)
    shape = file.message_type.add(name="Shape")
    shape.field.add(name="dim", number=2, label=_KINDS.LABEL_REPEATED, type=_KINDS.TYPE_MESSAGE, type_name=".fake.Dim")
    shape.field.add(name="unknown_rank", number=3, label=_KINDS.LABEL_OPTIONAL, type=_KINDS.TYPE_BOOL)
    tensor = file.message_type.add(name="Tensor")
    tensor.field.add(
        name="tensor_shape", number=2, label=_KINDS.LABEL_OPTIONAL, type=_KINDS.TYPE_MESSAGE, type_name=".fake.Shape"
    )
    for name, (number, kind, repeated) in _FIELDS.items():
        label = _KINDS.LABEL_REPEATED if repeated else _KINDS.LABEL_OPTIONAL
        tensor.field.add(name=name, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fake.Tensor"))


def tensor(dtype: int, shape: tuple[int, ...], **fields: Any) -> Any:
    """A message with these fields."""
    message = tensor_class()(dtype=dtype, **fields)
    message.tensor_shape.SetInParent()
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message
