"""The tensor element types that travel: wire number, name, numpy type and the *_val field that holds them."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True, slots=True)
class ElementType:
    """One DataType. `field` is the TensorProto field of its values, `field_number` that field's number.

    `item_bytes` is the size of one element in memory; a string counts as one pointer.
    """

    number: int
    name: str
    numpy: np.dtype[np.generic]
    field: str
    field_number: int
    item_bytes: int


def _row(number: int, name: str, numpy: DTypeLike, field: str, field_number: int) -> ElementType:
    dtype: np.dtype[np.generic] = np.dtype(numpy)
    return ElementType(number, name, dtype, field, field_number, dtype.itemsize)


STRING = _row(7, "string", object, "string_val", 8)
BOOL = 10
COMPLEX = frozenset({8, 18})
# DataType number -> element type. Resources, variants, references and quantized types can't be fed from outside.
BY_NUMBER: dict[int, ElementType] = {
    row.number: row
    for row in (
        _row(1, "float", np.float32, "float_val", 5),
        _row(2, "double", np.float64, "double_val", 6),
        _row(3, "int32", np.int32, "int_val", 7),
        _row(4, "uint8", np.uint8, "int_val", 7),
        _row(5, "int16", np.int16, "int_val", 7),
        _row(6, "int8", np.int8, "int_val", 7),
        STRING,
        _row(8, "complex64", np.complex64, "scomplex_val", 9),
        _row(9, "int64", np.int64, "int64_val", 10),
        _row(10, "bool", np.bool_, "bool_val", 11),
        _row(14, "bfloat16", ml_dtypes.bfloat16, "half_val", 13),
        _row(17, "uint16", np.uint16, "int_val", 7),
        _row(18, "complex128", np.complex128, "dcomplex_val", 12),
        _row(19, "half", np.float16, "half_val", 13),
        _row(22, "uint32", np.uint32, "uint32_val", 16),
        _row(23, "uint64", np.uint64, "uint64_val", 17),
    )
}
BY_NUMPY: dict[np.dtype[np.generic], ElementType] = {row.numpy: row for row in BY_NUMBER.values()}


def name_of(number: int) -> str:
    """The name for error texts; an unknown number is named by itself."""
    row = BY_NUMBER.get(number)
    return row.name if row else f"DataType {number}"
