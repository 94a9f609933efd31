"""Whether two Predict replies say the same, up to the rounding that another batch size may bring."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import isclose, isfinite, isnan, prod
from typing import Final

from gateway.errors import InvalidRequest
from gateway.wire.dtype import LAYOUTS
from gateway.wire.inputs import expanded_bytes
from gateway.wire.reasons import Uncut, Unjoined
from gateway.wire.reply import read_reply
from gateway.wire.values import read_tensor
from gateway.wire.walk import UnusualEncoding
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

# Struct's letter and the bytes of one number; a complex number is two, a bfloat16 is widened first.
_FLOATS: Final = {
    tensor_pb2.DT_FLOAT: ("f", 4),
    tensor_pb2.DT_DOUBLE: ("d", 8),
    tensor_pb2.DT_COMPLEX64: ("f", 4),
    tensor_pb2.DT_COMPLEX128: ("d", 8),
    tensor_pb2.DT_HALF: ("e", 2),
    tensor_pb2.DT_BFLOAT16: ("f", 2),
}
_HALVES: Final = frozenset({tensor_pb2.DT_HALF, tensor_pb2.DT_BFLOAT16})
_HALF_STEP: Final = 2.0**-9  # two units in the last place, relative
_HALF_LEAST: Final = 2.0**-23  # the same where halves are smallest
_BFLOAT16_STEP: Final = 2.0**-6
_MOST_COMPARED: Final = 1024  # numbers of one tensor: rows that are mixed up differ nearly everywhere, and callers wait


def same_answers(first: bytes, second: bytes, rtol: float = 1e-3, atol: float = 1e-5) -> bool:
    """Compare two serialized PredictResponses: model spec, aliases, dtypes, shapes and other values exactly, floats
    within `rtol` of the larger or within `atol` (at least two units in the last place for half and bfloat16); NaN
    equals NaN. Of a large tensor of floats that isn't equal to the bit, 1,024 evenly spread numbers are compared.

    `atol` is for numbers of about 1. Where all are smaller it shrinks with the largest of them, down to its share of a
    row's n numbers, atol / n: of probabilities of 200,000 classes none need be as large as `atol`.
    """
    if isinstance(read_reply(first), Uncut) or isinstance(read_reply(second), Uncut):
        return first == second  # our schema might not see all of what they say
    left = predict_pb2.PredictResponse.FromString(first)
    right = predict_pb2.PredictResponse.FromString(second)
    if left.model_spec != right.model_spec or left.outputs.keys() != right.outputs.keys():
        return False
    return all(_same_tensor(left.outputs[alias], right.outputs[alias], rtol, atol) for alias in left.outputs)


def _same_tensor(left: tensor_pb2.TensorProto, right: tensor_pb2.TensorProto, rtol: float, atol: float) -> bool:
    if left == right:
        return True
    if left.dtype != right.dtype or left.tensor_shape != right.tensor_shape or left.dtype not in LAYOUTS:
        return False
    if left.dtype in _FLOATS:
        return _same_floats(left, right, rtol, atol)
    values = _bytes_of(left)
    return values is not None and values == _bytes_of(right)


def _same_floats(left: tensor_pb2.TensorProto, right: tensor_pb2.TensorProto, rtol: float, atol: float) -> bool:
    code, size = _FLOATS[left.dtype]
    values, others = _some_bytes(left, size), _some_bytes(right, size)
    if values is None or others is None:
        return False
    least = 0.0
    if left.dtype == tensor_pb2.DT_BFLOAT16:
        values, others, size, rtol = _widened(values), _widened(others), 4, max(rtol, _BFLOAT16_STEP)
    elif left.dtype == tensor_pb2.DT_HALF:
        rtol, least = max(rtol, _HALF_STEP), _HALF_LEAST
    layout = f"<{len(values) // size}{code}"
    numbers, other_numbers = struct.unpack(layout, values), struct.unpack(layout, others)
    row = prod([dim.size for dim in left.tensor_shape.dim[1:]])
    atol *= min(1.0, max(_largest(numbers), _largest(other_numbers), 1 / max(1, row)))
    return _close(numbers, other_numbers, rtol, max(atol, least))


def _some_bytes(tensor: tensor_pb2.TensorProto, size: int) -> bytes | None:
    """A sample of its numbers of `size` bytes. A list of halves, each a varint, is not decoded beyond it."""
    listed = tensor.half_val
    count = len(listed)
    exact = count == prod([dim.size for dim in tensor.tensor_shape.dim]) and not tensor.tensor_content
    if tensor.dtype not in _HALVES or count <= _MOST_COMPARED or not exact:
        values = _bytes_of(tensor)
        return None if values is None else _sample(values, size)
    try:
        return struct.pack(f"<{_MOST_COMPARED}H", *[listed[place] for place in _places(count)])
    except struct.error:
        return None


def _bytes_of(tensor: tensor_pb2.TensorProto) -> bytes | None:
    """The values whatever their encoding; None if they are not what the shape says."""
    shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    data = tensor.SerializeToString()
    most = len(data) * 8
    if isinstance(expanded_bytes((("", tensor.dtype, shape),), most), Unjoined):
        return None
    try:
        values = read_tensor(data, 0, len(data), "", tensor.dtype, shape, most)
    except (InvalidRequest, IndexError, UnusualEncoding):
        return None
    return None if isinstance(values, Unjoined) else values


def _sample(values: bytes, size: int) -> bytes:
    """At most _MOST_COMPARED numbers of `size` bytes, evenly spread, the first and the last among them."""
    count = len(values) // size
    if count <= _MOST_COMPARED:
        return values
    return b"".join([values[place * size : (place + 1) * size] for place in _places(count)])


def _places(count: int) -> list[int]:
    return [place * (count - 1) // (_MOST_COMPARED - 1) for place in range(_MOST_COMPARED)]


def _widened(values: bytes) -> bytes:
    """bfloat16 as float32, whose upper half it is."""
    widened = bytearray(len(values) * 2)
    widened[2::4] = values[0::2]
    widened[3::4] = values[1::2]
    return bytes(widened)


def _largest(numbers: Sequence[float]) -> float:
    """The largest magnitude of those that have one."""
    return max([abs(number) for number in numbers if isfinite(number)], default=0.0)


def _close(left: Sequence[float], right: Sequence[float], rtol: float, atol: float) -> bool:
    return all(
        isclose(one, two, rel_tol=rtol, abs_tol=atol) or (isnan(one) and isnan(two))
        for one, two in zip(left, right, strict=True)
    )
