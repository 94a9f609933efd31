"""What a request's inputs are to the gateway: heads (what is known without values) and values (exactly their rows).

Everything downstream counts on that exactness: one value too many in a join shifts the next caller's rows.
"""

from __future__ import annotations

from typing import Final

from gateway.wire.dtype import LAYOUTS
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

# (alias, dtype, shape): what is known of an input without its values.
Head = tuple[str, int, tuple[int, ...]]
# (alias, dtype, shape without the row axis) of every input, sorted by alias.
Features = tuple[tuple[str, int, tuple[int, ...]], ...]
# One caller's inputs in the order of its features. Each is rows x row_bytes, row-major and little-endian; strings are
# the wire encoding of rows x row_elements `string_val` fields. Either way a join is b"".join.
Values = tuple[bytes, ...]

DT_STRING: Final = int(tensor_pb2.DT_STRING)
STRING_TAG: Final = 8 << 3 | 2  # of a string_val field; its length and its bytes follow
EMPTY_STRING: Final = bytes([STRING_TAG, 0])

_FIELDS: Final = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name
VALUES_NUMBER: Final[dict[int, int]] = {dtype: _FIELDS[layout.values].number for dtype, layout in LAYOUTS.items()}
"""The number of the field that lists a dtype's values."""
LISTED: Final = frozenset({7, 10, 11, 13, 16, 17})
"""The fields among them that hold varints."""
LISTED_DTYPES: Final = frozenset(dtype for dtype, number in VALUES_NUMBER.items() if number in LISTED)


def read_heads(request: predict_pb2.PredictRequest) -> tuple[Head, ...]:
    """Alias, dtype and shape of every input, sorted by alias; values are not touched, shapes not believed."""
    heads = [
        (alias, int(tensor.dtype), tuple([dim.size for dim in tensor.tensor_shape.dim]))
        for alias, tensor in request.inputs.items()
    ]
    if len(heads) > 1:
        heads.sort()
    return tuple(heads)


def expand(data: bytes, size: int, width: int) -> bytes:
    """`data`, values of `width` bytes each, as exactly `size` bytes, the way TensorFlow reads a list of values:
    surplus is cut, too few repeat the last, none are zeros, part of a value doesn't count.
    """
    missing = size - len(data)
    if missing <= 0:
        return data[:size]
    if len(data) % width:
        data = data[: len(data) // width * width]
        missing = size - len(data)
    return data + data[-width:] * (missing // width) if data else bytes(size)
