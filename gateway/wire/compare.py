"""Whether two Predict replies say the same, up to the rounding that another batch size may bring."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import isclose, isnan
from typing import Final

from google.protobuf.message import DecodeError

from gateway.errors import InvalidRequest
from gateway.wire.dtype import LAYOUTS
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import normalise
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

# Struct's letter and the bytes of one number; a complex number is two.
_FLOATS: Final = {
    tensor_pb2.DT_FLOAT: ("f", 4),
    tensor_pb2.DT_DOUBLE: ("d", 8),
    tensor_pb2.DT_COMPLEX64: ("f", 4),
    tensor_pb2.DT_COMPLEX128: ("d", 8),
    tensor_pb2.DT_HALF: ("e", 2),
}
_HALF_STEP: Final = 2.0**-9  # two units in the last place, relative
_BFLOAT16_STEP: Final = 2.0**-6
_MOST_COMPARED: Final = 1024  # numbers of one tensor: rows that are mixed up differ nearly everywhere, and callers wait


def same_answers(first: bytes, second: bytes, rtol: float = 1e-3, atol: float = 1e-5) -> bool:
    """Compare two serialized PredictResponses: model spec, aliases, dtypes, shapes and other values exactly, floats
    within `rtol` of the larger or within `atol` (at least two units in the last place for half and bfloat16); NaN
    equals NaN. Of a large tensor of floats that isn't equal to the bit, 1,024 evenly spread numbers are compared.
    """
    try:
        left = predict_pb2.PredictResponse.FromString(first)
        right = predict_pb2.PredictResponse.FromString(second)
    except DecodeError:
        return False
    if left.model_spec != right.model_spec or left.outputs.keys() != right.outputs.keys():
        return False
    return all(_same_tensor(left.outputs[alias], right.outputs[alias], rtol, atol) for alias in left.outputs)


def _same_tensor(left: tensor_pb2.TensorProto, right: tensor_pb2.TensorProto, rtol: float, atol: float) -> bool:
    if left == right:
        return True
    if left.dtype != right.dtype or left.tensor_shape != right.tensor_shape or left.dtype not in LAYOUTS:
        return False
    values, others = _bytes_of(left), _bytes_of(right)
    if values is None or others is None:
        return False
    if values == others:
        return True
    if left.dtype == tensor_pb2.DT_BFLOAT16:
        values, others = _sample(values, 2), _sample(others, 2)
        return _close(_bfloat16(values), _bfloat16(others), max(rtol, _BFLOAT16_STEP), atol)
    if left.dtype not in _FLOATS:
        return False
    code, size = _FLOATS[left.dtype]
    if left.dtype == tensor_pb2.DT_HALF:
        rtol = max(rtol, _HALF_STEP)
    values, others = _sample(values, size), _sample(others, size)
    layout = f"<{len(values) // size}{code}"
    return _close(struct.unpack(layout, values), struct.unpack(layout, others), rtol, atol)


def _bytes_of(tensor: tensor_pb2.TensorProto) -> bytes | None:
    """The values whatever their encoding; None if they are not what the shape says."""
    try:
        raw = normalise(tensor, "", tensor.ByteSize() * 8)
    except InvalidRequest:
        return None
    return None if isinstance(raw, Unjoined) else raw.data


def _sample(values: bytes, size: int) -> bytes:
    """At most _MOST_COMPARED numbers of `size` bytes, evenly spread, the first and the last among them."""
    count = len(values) // size
    if count <= _MOST_COMPARED:
        return values
    places = [place * (count - 1) // (_MOST_COMPARED - 1) for place in range(_MOST_COMPARED)]
    return b"".join([values[place * size : (place + 1) * size] for place in places])


def _bfloat16(values: bytes) -> tuple[float, ...]:
    """A bfloat16 is the upper half of a float32."""
    widened = bytearray(len(values) * 2)
    widened[2::4] = values[0::2]
    widened[3::4] = values[1::2]
    return struct.unpack(f"<{len(values) // 2}f", widened)


def _close(left: Sequence[float], right: Sequence[float], rtol: float, atol: float) -> bool:
    return all(
        isclose(one, two, rel_tol=rtol, abs_tol=atol) or (isnan(one) and isnan(two))
        for one, two in zip(left, right, strict=True)
    )
