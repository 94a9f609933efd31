"""What TensorFlow's dtypes weigh and which TensorProto field holds their values."""

from __future__ import annotations

from typing import Final, NamedTuple

from protos.stubs.tidegate.wire.v1 import tensor_pb2


class Layout(NamedTuple):
    """One element: `size` bytes in memory and in tensor_content, little-endian.

    `values` is the field of its value list. `code` is struct's letter for one value of a decoded list; empty where
    our schema declares the packed list as bytes.
    """

    size: int
    values: str
    code: str = ""


LAYOUTS: Final[dict[int, Layout]] = {
    tensor_pb2.DT_FLOAT: Layout(4, "float_val"),
    tensor_pb2.DT_DOUBLE: Layout(8, "double_val"),
    tensor_pb2.DT_COMPLEX64: Layout(8, "scomplex_val"),
    tensor_pb2.DT_COMPLEX128: Layout(16, "dcomplex_val"),
    tensor_pb2.DT_FLOAT8_E5M2: Layout(1, "float8_val"),
    tensor_pb2.DT_FLOAT8_E4M3FN: Layout(1, "float8_val"),
    tensor_pb2.DT_FLOAT8_E4M3FNUZ: Layout(1, "float8_val"),
    tensor_pb2.DT_FLOAT8_E4M3B11FNUZ: Layout(1, "float8_val"),
    tensor_pb2.DT_FLOAT8_E5M2FNUZ: Layout(1, "float8_val"),
    tensor_pb2.DT_INT8: Layout(1, "int_val", "b"),
    tensor_pb2.DT_QINT8: Layout(1, "int_val", "b"),
    tensor_pb2.DT_UINT8: Layout(1, "int_val", "B"),
    tensor_pb2.DT_QUINT8: Layout(1, "int_val", "B"),
    tensor_pb2.DT_INT16: Layout(2, "int_val", "h"),
    tensor_pb2.DT_QINT16: Layout(2, "int_val", "h"),
    tensor_pb2.DT_UINT16: Layout(2, "int_val", "H"),
    tensor_pb2.DT_QUINT16: Layout(2, "int_val", "H"),
    tensor_pb2.DT_INT32: Layout(4, "int_val", "i"),
    tensor_pb2.DT_QINT32: Layout(4, "int_val", "i"),
    tensor_pb2.DT_INT64: Layout(8, "int64_val", "q"),
    tensor_pb2.DT_UINT32: Layout(4, "uint32_val", "I"),
    tensor_pb2.DT_UINT64: Layout(8, "uint64_val", "Q"),
    tensor_pb2.DT_BOOL: Layout(1, "bool_val", "?"),
    tensor_pb2.DT_HALF: Layout(2, "half_val", "H"),
    tensor_pb2.DT_BFLOAT16: Layout(2, "half_val", "H"),
}
"""Dtypes whose tensors can be joined."""

_STRING_BYTES: Final = 24  # TensorFlow's string object, without its characters
_FOUR_BITS_AND_LESS: Final = frozenset(
    {tensor_pb2.DT_INT4, tensor_pb2.DT_UINT4, tensor_pb2.DT_INT2, tensor_pb2.DT_UINT2}
)
_HANDLE_BYTES: Final = 256  # resource and variant: objects, generously


def element_bytes(dtype: int) -> int:
    """Memory that TensorFlow takes for one element of any dtype; strings without their characters."""
    layout = LAYOUTS.get(dtype)
    if layout is not None:
        return layout.size
    if dtype == tensor_pb2.DT_STRING:
        return _STRING_BYTES
    return 1 if dtype in _FOUR_BITS_AND_LESS else _HANDLE_BYTES


def dtype_name(dtype: int) -> str:
    """DT_FLOAT for 1; the number where TensorFlow has no such dtype."""
    value = tensor_pb2.DataType.DESCRIPTOR.values_by_number.get(dtype)
    return str(dtype) if value is None else value.name
