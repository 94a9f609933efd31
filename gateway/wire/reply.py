"""A Predict reply taken apart as bytes, in the one way that TensorFlow Serving writes it.

Nothing is decoded that needn't be: a list of values stays the bytes it came as, and is cut where its rows end.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, pairwise
from math import prod
from typing import Final

from google.protobuf.message import DecodeError

from gateway.wire.dtype import LAYOUTS
from gateway.wire.plain import is_plain_spec
from gateway.wire.reasons import Uncut
from gateway.wire.rows import string_ends, varint_ends
from gateway.wire.tensor import DT_STRING, LISTED, STRING_TAG
from gateway.wire.walk import LENGTH_DELIMITED, are_varints, field_at, varint_at, varints_end
from protos.stubs.tidegate.wire.v1 import tensor_pb2

CONTENT: Final = 4  # TensorProto's fields
STRINGS: Final = 8
_PACKED_BYTES: Final = {5: 4, 6: 8, 9: 8, 12: 16, 18: 1}  # of one element, real and imaginary part together
_DTYPE: Final = 1 << 3
_SHAPE: Final = 2 << 3 | LENGTH_DELIMITED
_OUTPUTS: Final = 1 << 3 | LENGTH_DELIMITED  # PredictResponse's fields
_MODEL_SPEC: Final = 2 << 3 | LENGTH_DELIMITED
_KEY: Final = 1 << 3 | LENGTH_DELIMITED
_VALUE: Final = 2 << 3 | LENGTH_DELIMITED
_KNOWN_HEAD_BYTES: Final = 256  # larger ones aren't remembered
_BYTES_OF_FOUR_BITS: Final = {int(tensor_pb2.DT_INT4): 1, int(tensor_pb2.DT_UINT4): 1}

Shape = tuple[int, ...]


class Output:
    """One entry of a reply's outputs. `values` is what field `number` holds (of strings the fields with their tags);
    `number` is 0 where the tensor has no values.
    """

    __slots__ = ("alias", "dtype", "number", "shape", "values")

    def __init__(self, alias: bytes, dtype: int, shape: Shape, number: int, values: bytes) -> None:
        self.alias = alias
        self.dtype = dtype
        self.shape = shape
        self.number = number
        self.values = values


class Reply:
    """A PredictResponse: `spec` is its model_spec field, tag and all, or empty."""

    __slots__ = ("outputs", "spec")

    def __init__(self, outputs: list[Output], spec: bytes) -> None:
        self.outputs = outputs
        self.spec = spec


def read_reply(data: bytes) -> Reply | Uncut:
    """The parts of a serialized PredictResponse. Whatever is not as TensorFlow Serving writes it says why."""
    outputs: list[Output] = []
    spec, at, end = b"", 0, len(data)
    try:
        while at < end:
            start = at
            tag, begin, at = field_at(data, at, end)
            if tag == _OUTPUTS:
                output = _read_entry(data, begin, at)
                if isinstance(output, Uncut):
                    return output
                outputs.append(output)
            elif tag == _MODEL_SPEC and not spec and is_plain_spec(data[begin:at]):
                spec = data[start:at]
            else:
                return Uncut.UNUSUAL_ENCODING
    except (DecodeError, IndexError, ValueError):
        return Uncut.UNPARSABLE
    if not outputs:
        return Uncut.NO_OUTPUTS
    if len(outputs) > 1 and len({output.alias for output in outputs}) < len(outputs):
        return Uncut.UNUSUAL_ENCODING
    return Reply(outputs, spec)


def _read_entry(data: bytes, begin: int, end: int) -> Output | Uncut:
    """Raises: DecodeError, IndexError, ValueError for what is no entry."""
    key_tag, key, key_end = field_at(data, begin, end)
    value_tag, at, stop = field_at(data, key_end, end)
    if key_tag != _KEY or value_tag != _VALUE or stop != end:
        return Uncut.UNUSUAL_ENCODING
    # dtype and shape, and then at most one field of values up to the end.
    start = at
    while at < end and data[at] in (_DTYPE, _SHAPE):
        at = field_at(data, at, end)[2]
    known = _known_head(data[start:at]) if at - start <= _KNOWN_HEAD_BYTES else _read_head(data[start:at])
    if known is None:
        return Uncut.UNUSUAL_ENCODING
    dtype, shape = known
    alias = data[key:key_end]
    alias.decode()  # a key that isn't UTF-8 is none
    if at == end:
        return Output(alias, dtype, shape, 0, b"")
    if data[at] == STRING_TAG:
        return Output(alias, dtype, shape, STRINGS, data[at:end])
    tag, content, stop = field_at(data, at, end)
    number = tag >> 3
    if tag & 7 != LENGTH_DELIMITED or not (number == CONTENT or number in _PACKED_BYTES or number in LISTED):
        return Uncut.UNUSUAL_ENCODING
    if stop != end:
        return Uncut.PAYLOAD  # values in two fields: which of them count?
    return Output(alias, dtype, shape, number, data[content:end])


@lru_cache(maxsize=4096)
def _known_head(data: bytes) -> tuple[int, Shape] | None:
    return _read_head(data)


def _read_head(data: bytes) -> tuple[int, Shape] | None:
    """(dtype, shape) of a TensorProto without values; None if there is more to it."""
    tensor = tensor_pb2.TensorProto.FromString(data)
    shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    tensor.DiscardUnknownFields()
    named = any(dim.name for dim in tensor.tensor_shape.dim)
    if tensor.ByteSize() != len(data) or tensor.tensor_shape.unknown_rank or named:
        return None
    return int(tensor.dtype), shape


def judge_rows(output: Output, rows: int) -> Uncut | None:
    """Whether it has `rows` rows, as far as its shape tells."""
    if not output.shape:
        return Uncut.SCALAR
    return Uncut.ROWS if output.shape[0] != rows or min(output.shape) < 0 else None


def element_width(output: Output) -> int:
    """Bytes of an element in `values`, 0 where elements have none in common: varints and strings."""
    if output.number != CONTENT:
        return _PACKED_BYTES.get(output.number, 0)
    layout = LAYOUTS.get(output.dtype)
    return _BYTES_OF_FOUR_BITS.get(output.dtype, 0) if layout is None else layout.size


def cut_values(output: Output, counts: list[int]) -> list[bytes] | Uncut:
    """`values` as blocks of `counts` rows, which are all its rows, each as a field of the same number would hold it."""
    elements = prod(output.shape[1:])
    if not elements:
        return [b""] * len(counts) if not output.values and not output.number else Uncut.PAYLOAD
    values, width = output.values, element_width(output)
    if width:
        row_bytes = elements * width
        if len(values) != output.shape[0] * row_bytes:
            return Uncut.PAYLOAD
        ends = [end * row_bytes for end in accumulate(counts)]
        return [values[start:end] for start, end in pairwise([0, *ends])]
    counts = [count * elements for count in counts]
    try:
        if output.number == STRINGS:
            ends = string_ends(values, counts)
        elif output.number in LISTED and are_varints(values):
            ends = varint_ends(values, counts)
        elif output.number == CONTENT and output.dtype == DT_STRING:
            return _cut_string_content(values, counts)
        else:
            return Uncut.PAYLOAD
    except (IndexError, ValueError):
        return Uncut.PAYLOAD
    return [values[start:end] for start, end in pairwise([0, *ends])]


def split_string_content(values: bytes, count: int) -> int:
    """Where the characters begin in a tensor_content of `count` strings: all their lengths, as varints, stand first.

    Raises: UnusualEncoding, IndexError.
    """
    return varints_end(values, 0, count)


def _cut_string_content(values: bytes, counts: list[int]) -> list[bytes] | Uncut:
    at, begin = 0, split_string_content(values, sum(counts))
    blocks = []
    for count in counts:
        start, stop = at, begin
        for _ in range(count):
            length, at = varint_at(values, at)
            stop += length
        blocks.append(values[start:at] + values[begin:stop])
        begin = stop
    return blocks if begin == len(values) else Uncut.PAYLOAD
