"""A PredictResponse written straight as bytes: filling messages value by value costs more than a small model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend import dtypes
from backend.dtypes import ElementType
from backend.errors import Code, ServingError
from backend.tensors import Array

# Protobuf keys: (field number << 3) | wire type; wire type 0 is a varint, 2 a length and bytes.
_DTYPE, _SHAPE, _CONTENT = b"\x08", b"\x12", b"\x22"
_MAX_ONE_BYTE = 127


def model_spec_bytes(name: str, version: int, signature_name: str) -> bytes:
    """The response's `model_spec` field (2): name, version always set, resolved signature; never a label."""
    wrapped = b"\x08" + _varint(version & 0xFFFFFFFFFFFFFFFF) if version else b""
    spec = _block(b"\x0a", name.encode()) + _block(b"\x12", wrapped)
    if signature_name:
        spec += _block(b"\x1a", signature_name.encode())
    return _block(b"\x12", spec)


def response_bytes(spec: bytes, aliases: Sequence[str], arrays: Sequence[Array], as_content: bool) -> bytes:
    """The whole PredictResponse; `spec` is model_spec_bytes()."""
    parts = [spec]
    for alias, array in zip(aliases, arrays, strict=True):
        entry = _block(b"\x0a", alias.encode()) + _block(b"\x12", tensor_bytes(array, as_content))
        parts.append(_block(b"\x0a", entry))
    return b"".join(parts)


def tensor_bytes(array: Array, as_content: bool) -> bytes:
    """One TensorProto: values in the *_val field, or in tensor_content (never for strings)."""
    element = dtypes.BY_NUMPY.get(array.dtype)
    if element is None:
        raise ServingError(Code.INTERNAL, f"an output of type {array.dtype} can't be sent")
    shape = b"".join([_block(_SHAPE, b"\x08" + _varint(size) if size else b"") for size in array.shape])
    head = _DTYPE + _varint(element.number) + _block(_SHAPE, shape)
    if array.size == 0:
        return head
    if element is dtypes.STRING:
        return head + b"".join([_block(b"\x42", _as_bytes(value)) for value in array.ravel()])
    if as_content:
        return head + _block(_CONTENT, array.tobytes())
    key = _varint(element.field_number << 3 | 2)
    return head + _block(key, _packed(array, element))


def _packed(array: Array, element: ElementType) -> bytes:
    """The values as a packed field: fixed-size floats as they lie in memory, everything else as varints."""
    if element.numpy.kind in "fc" and element.field != "half_val":
        return array.tobytes()
    if element.number == dtypes.BOOL:
        return array.tobytes()
    values = array.view(np.uint16) if element.field == "half_val" else array
    if values.size and values.min() >= 0 and values.max() <= _MAX_ONE_BYTE:
        return values.astype(np.uint8).tobytes()
    return b"".join([_varint(value & 0xFFFFFFFFFFFFFFFF) for value in values.ravel().tolist()])


def _block(key: bytes, payload: bytes) -> bytes:
    return key + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    if value <= _MAX_ONE_BYTE:
        return bytes((value,))
    out = bytearray()
    while value > _MAX_ONE_BYTE:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
