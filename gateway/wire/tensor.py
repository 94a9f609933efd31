"""A TensorProto as exactly rows x row_bytes, whichever way its client encoded it.

Everything downstream counts on that exactness: one value too many in a join shifts the next caller's rows.
"""

from __future__ import annotations

import struct
from math import prod
from typing import NamedTuple

from gateway.errors import InvalidRequest
from gateway.wire.dtype import LAYOUTS, Layout
from gateway.wire.reasons import Unjoined
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

# (alias, dtype, shape): what is known of an input without its values.
Head = tuple[str, int, tuple[int, ...]]


class RawTensor(NamedTuple):
    """`data` is row-major and little-endian, prod(shape) elements of `dtype`."""

    dtype: int
    shape: tuple[int, ...]
    data: bytes


def read_heads(request: predict_pb2.PredictRequest) -> tuple[Head, ...]:
    """Alias, dtype and shape of every input, sorted by alias; values are not touched, shapes not believed."""
    heads = [
        (alias, int(tensor.dtype), tuple([dim.size for dim in tensor.tensor_shape.dim]))
        for alias, tensor in request.inputs.items()
    ]
    if len(heads) > 1:
        heads.sort()
    return tuple(heads)


def normalise(
    tensor: tensor_pb2.TensorProto, alias: str, max_bytes: int, shape: tuple[int, ...] | None = None
) -> RawTensor | Unjoined:
    """The values of `tensor`, or why it is not joined. `shape` saves reading it again.

    Surplus values are cut, too few repeat the last, none are zeros, as TensorFlow does. The expanded size is compared
    with `max_bytes` before anything is allocated. The caller has ruled out unknown fields and values in several
    chunks (see gateway.batching.joinable).
    Raises: InvalidRequest in TensorFlow Serving's words if tensor_content is not what dtype and shape say.
    """
    layout = LAYOUTS.get(tensor.dtype)
    if layout is None:
        return Unjoined.STRING if tensor.dtype == tensor_pb2.DT_STRING else Unjoined.DTYPE
    if shape is None:
        shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    refusal = _refusal(tensor, shape)
    if refusal is not None:
        return refusal
    size = prod(shape) * layout.size
    if size > max_bytes:
        return Unjoined.TOO_LARGE
    content = tensor.tensor_content
    if not content:
        data = _listed_values(tensor, layout, size)
        return Unjoined.VALUES if data is None else RawTensor(tensor.dtype, shape, data)
    if len(content) != size or (tensor.dtype == tensor_pb2.DT_BOOL and max(content) > 1):
        raise InvalidRequest(f"tensor parsing error: {alias}")
    return RawTensor(tensor.dtype, shape, content)


def _refusal(tensor: tensor_pb2.TensorProto, shape: tuple[int, ...]) -> Unjoined | None:
    if tensor.tensor_shape.unknown_rank:
        return Unjoined.UNKNOWN_RANK
    if not shape:
        return Unjoined.SCALAR
    least = min(shape)
    if least < 0:
        return Unjoined.NEGATIVE_DIM
    return Unjoined.EMPTY if least == 0 else None


def _listed_values(tensor: tensor_pb2.TensorProto, layout: Layout, size: int) -> bytes | None:
    """The `*_val` list as exactly `size` bytes; None if it holds no whole elements or values outside the dtype."""
    values = getattr(tensor, layout.values)
    if layout.code:
        wanted = values[: size // layout.size]
        try:
            data = struct.pack(f"<{len(wanted)}{layout.code}", *wanted)
        except struct.error:
            return None
    else:
        if len(values) % layout.size:
            return None
        data = values
    if not data:
        return bytes(size)
    missing = size - len(data)
    return data[:size] if missing <= 0 else data + data[-layout.size :] * (missing // layout.size)
