"""TensorProto in, numpy array out: sizes are proved before anything is allocated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend import dtypes
from backend.dtypes import ElementType
from backend.errors import tensor_parsing

# A few bytes can claim a huge tensor: one value repeated over the shape. What is written out is bounded by its message.
MAX_REPEATED_BYTES = 256 * 1024 * 1024
# numpy's bound; TensorFlow's is 254.
MAX_RANK = 64
# numpy takes a dimension of 0 for 1 where it asks if a shape is too large.
MAX_ARRAY_BYTES = 2**63
Array = NDArray[Any]
# TensorProto's class comes from a package without type stubs.
TensorProto = Any


@dataclass(frozen=True, slots=True)
class Header:
    """What a TensorProto says of itself, checked: `elements` = product of `shape`; nothing is decoded yet."""

    element: ElementType
    shape: tuple[int, ...]
    elements: int


def read_header(proto: TensorProto, alias: str) -> Header:
    """Dtype, shape and size of a tensor. Raises INVALID_ARGUMENT `tensor parsing error: ALIAS`."""
    element = dtypes.BY_NUMBER.get(proto.dtype)
    shape_proto = proto.tensor_shape
    if element is None or shape_proto.unknown_rank:
        raise tensor_parsing(alias)
    shape = tuple([dim.size for dim in shape_proto.dim])
    # Python's integers don't overflow; numpy's and TensorFlow's do, so the bound is checked on Python's.
    if len(shape) > MAX_RANK or (shape and min(shape) < 0):
        raise tensor_parsing(alias)
    elements = math.prod(shape)
    if math.prod([max(1, size) for size in shape]) * element.item_bytes >= MAX_ARRAY_BYTES:
        raise tensor_parsing(alias)
    content = len(proto.tensor_content)
    if content:
        if element is dtypes.STRING or content != elements * element.item_bytes:
            raise tensor_parsing(alias)
    elif elements * element.item_bytes > MAX_REPEATED_BYTES and elements > _values(proto, element):
        raise tensor_parsing(alias)
    return Header(element, shape, elements)


def decode(proto: TensorProto, header: Header, alias: str) -> Array:
    """The array of shape `header.shape`; surplus values are cut, the last one is repeated, none means zeros."""
    element = header.element
    content = proto.tensor_content
    if content:
        return np.frombuffer(content, dtype=element.numpy).reshape(header.shape)
    try:
        flat = _field_values(proto, element)
    except (ValueError, OverflowError) as error:
        raise tensor_parsing(alias) from error
    if len(flat) != header.elements:
        flat = _fit(flat, header.elements, element)
    return flat.reshape(header.shape)


def to_array(proto: TensorProto, alias: str) -> Array:
    """Header check and decoding in one."""
    return decode(proto, read_header(proto, alias), alias)


def _values(proto: TensorProto, element: ElementType) -> int:
    count = len(getattr(proto, element.field))
    return count // 2 if element.number in dtypes.COMPLEX else count


def _field_values(proto: TensorProto, element: ElementType) -> Array:
    values = getattr(proto, element.field)
    if element is dtypes.STRING:
        strings = np.empty(len(values), dtype=object)
        strings[:] = list(values)
        return strings
    if element.field == "half_val":
        return np.array(values, dtype=np.int64).astype(np.uint16).view(element.numpy)
    if element.number in dtypes.COMPLEX:
        part = np.float32 if element.field == "scomplex_val" else np.float64
        return np.array(values[: len(values) // 2 * 2], dtype=part).view(element.numpy)
    if element.field == "int_val" and element.item_bytes < 4:
        # Out-of-range values wrap, as the C++ cast does.
        return np.array(values, dtype=np.int32).astype(element.numpy)
    return np.array(values, dtype=element.numpy)


def _fit(flat: Array, elements: int, element: ElementType) -> Array:
    if len(flat) > elements:
        return flat[:elements]
    if element is dtypes.STRING:  # numpy fills with its own kind of strings, which lose NULs at their ends
        strings = np.empty(elements, dtype=object)
        strings[:] = [*flat, *[flat[-1] if len(flat) else b""] * (elements - len(flat))]
        return strings
    whole = np.full(elements, 0 if len(flat) == 0 else flat[-1], dtype=element.numpy)
    whole[: len(flat)] = flat
    return whole
