"""One tensor's values out of its wire bytes, whichever way its client encoded them, bit for bit.

Our schema reads packed lists of fixed width as bytes, and the parser then keeps the last chunk only and loses values
that aren't packed. So the values are taken from the wire, where nothing is lost, and never become Python numbers: a
NaN keeps its payload. Lists of varints and strings mean the same to our schema as to TensorFlow's.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Final

from gateway.errors import InvalidRequest
from gateway.wire.dtype import LAYOUTS, Layout
from gateway.wire.encode import tensor_head
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import DT_STRING, EMPTY_STRING, LISTED, STRING_TAG, VALUES_NUMBER, expand
from gateway.wire.walk import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, field_at, fixed_run
from protos.stubs.tidegate.wire.v1 import tensor_pb2

MOST_LISTED: Final = 1 << 18  # varints or strings of one tensor: each takes its time, and all calls wait
MOST_FIELDS: Final = 4096  # of a message that is walked field by field; a run of values counts once

_FLOAT8: Final = 18  # the number of a field of TensorProto, and tags of some
_SHAPE_TAG: Final = 2 << 3 | LENGTH_DELIMITED
_CONTENT_TAG: Final = 4 << 3 | LENGTH_DELIMITED
_FLOAT8_TAG: Final = _FLOAT8 << 3 | LENGTH_DELIMITED
_FIXED: Final = {5: (4, FIXED32), 6: (8, FIXED64), 9: (4, FIXED32), 12: (8, FIXED64)}  # width, wire type of one value
# Tags of what our schema reads as TensorFlow's does: dtype, version, strings, float8.
_WHOLE: Final = frozenset({1 << 3, 3 << 3, STRING_TAG, _FLOAT8_TAG})


def read_tensor(
    data: bytes,
    begin: int,
    end: int,
    alias: str,
    dtype: int,
    shape: tuple[int, ...],
    max_bytes: int,
    parsed: tensor_pb2.TensorProto | None = None,
) -> bytes | Unjoined:
    """The values of the TensorProto at data[begin:end], which was parsed and found to have `dtype` and `shape`;
    `parsed` saves parsing a list of varints again.

    The caller has seen to it that `shape` has rows and no negative size, and numbers expand to at most `max_bytes`;
    of strings that is judged here, before anything is allocated.
    Raises: InvalidRequest in TensorFlow Serving's words if tensor_content is not what dtype and shape say;
    UnusualEncoding or IndexError for what isn't understood.
    """
    head = tensor_head(dtype, shape)
    start = begin + len(head)
    if start > end or not data.startswith(head, begin):
        return _walk(data, begin, end, alias, dtype, shape, max_bytes)
    if dtype == DT_STRING:
        return _only_strings(data, begin, end, alias, shape, max_bytes, start)
    layout = LAYOUTS[dtype]
    if start == end:
        return bytes(prod(shape) * layout.size)
    tag, content, stop = field_at(data, start, end)
    if stop == end:  # the usual way: one field of values, and that is all
        number = VALUES_NUMBER[dtype]
        if tag == _CONTENT_TAG and content < stop:
            return _content(data[content:stop], alias, dtype, prod(shape) * layout.size)
        if tag == number << 3 | LENGTH_DELIMITED:
            if number in LISTED:
                return _numbers(parsed or tensor_pb2.TensorProto.FromString(data[start:end]), layout, prod(shape))
            if number == _FLOAT8 or (stop - content) % _FIXED[number][0] == 0:
                return expand(data[content:stop], prod(shape) * layout.size, layout.size)
    return _walk(data, begin, end, alias, dtype, shape, max_bytes)


def _walk(
    data: bytes, begin: int, end: int, alias: str, dtype: int, shape: tuple[int, ...], max_bytes: int
) -> bytes | Unjoined:
    """The values of a tensor whose fields stand in any order, any number of times."""
    own = VALUES_NUMBER.get(dtype, 0)
    content, chunks, at, left = b"", [], begin, MOST_FIELDS
    while at < end and left >= 0:
        tag, start, stop = field_at(data, at, end)
        number, left = tag >> 3, left - 1
        if number in _FIXED:
            chunk, stop = _chunk(data, at, end)
            if stop == at:
                return Unjoined.VALUES  # no whole values: TensorFlow Serving says what it thinks of that
            chunks += [chunk] if number == own else []
        elif tag == _CONTENT_TAG:
            content = data[start:stop]
        elif tag == _SHAPE_TAG:
            refusal = _judge_shape(data[start:stop])
            if refusal is not None:
                return refusal
        elif tag == _FLOAT8_TAG and own == _FLOAT8:
            chunks = [data[start:stop]]
        elif not _is_known(tag):
            return Unjoined.UNUSUAL_ENCODING
        at = stop
    if left < 0:
        return Unjoined.UNUSUAL_ENCODING
    if dtype == DT_STRING:
        return Unjoined.STRING if content else _strings(data[begin:end], prod(shape), max_bytes)
    layout, count = LAYOUTS[dtype], prod(shape)
    if content:
        return _content(content, alias, dtype, count * layout.size)
    if own in LISTED:
        return _numbers(tensor_pb2.TensorProto.FromString(data[begin:end]), layout, count)
    return expand(b"".join(chunks), count * layout.size, layout.size)


def _chunk(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """(values, where the next field is) of a field of _FIXED: a packed list, or a run of single values. The second is
    `at` where there are none.
    """
    tag, start, stop = field_at(data, at, end)
    width, single = _FIXED[tag >> 3]
    if tag & 7 == LENGTH_DELIMITED:
        return (data[start:stop], stop) if (stop - start) % width == 0 else (b"", at)
    return fixed_run(data, at, end, width) if tag & 7 == single and start == at + 1 else (b"", at)


def _is_known(tag: int) -> bool:
    return tag in _WHOLE or (tag >> 3 in LISTED and tag & 7 in (VARINT, LENGTH_DELIMITED))


def _judge_shape(data: bytes) -> Unjoined | None:
    """Only its sizes are joined: nothing else that could mean something may be in it."""
    shape = tensor_pb2.TensorShapeProto.FromString(data)
    size = shape.ByteSize()
    shape.DiscardUnknownFields()
    if shape.ByteSize() != size:
        return Unjoined.UNUSUAL_ENCODING
    return Unjoined.UNKNOWN_RANK if shape.unknown_rank else None


def _content(content: bytes, alias: str, dtype: int, size: int) -> bytes:
    if len(content) != size or (dtype == tensor_pb2.DT_BOOL and max(content) > 1):
        raise InvalidRequest(f"tensor parsing error: {alias}")
    return content


def _numbers(tensor: tensor_pb2.TensorProto, layout: Layout, count: int) -> bytes | Unjoined:
    """`count` values of its list of varints. Values outside the dtype are TensorFlow's to cut."""
    values = getattr(tensor, layout.values)
    if min(len(values), count) > MOST_LISTED:
        return Unjoined.TOO_LARGE
    wanted = values[:count]
    try:
        packed = struct.pack(f"<{len(wanted)}{layout.code}", *wanted)
    except struct.error:
        return Unjoined.VALUES
    return expand(packed, count * layout.size, layout.size)


def _only_strings(
    data: bytes, begin: int, end: int, alias: str, shape: tuple[int, ...], max_bytes: int, start: int
) -> bytes | Unjoined:
    """The usual way: exactly as many strings as the shape says from `start` on, which then are the values."""
    values = data[start:end]
    listed = tensor_pb2.TensorProto.FromString(values)
    listed.DiscardUnknownFields()  # else they are written again, and what comes out is what came
    exact = len(listed.string_val) == prod(shape) and len(listed.ListFields()) == 1
    if exact and listed.SerializeToString() == values:
        return values if len(values) <= max_bytes else Unjoined.TOO_LARGE
    return _walk(data, begin, end, alias, DT_STRING, shape, max_bytes)


def _strings(data: bytes, count: int, max_bytes: int) -> bytes | Unjoined:
    """`count` strings of the list in a TensorProto, encoded. The caller has compared 2 x `count` with its bound."""
    strings = tensor_pb2.TensorProto.FromString(data).string_val
    if not strings:
        return EMPTY_STRING * count
    values = tensor_pb2.TensorProto(string_val=strings[:count]).SerializeToString()
    missing = count - len(strings)
    if missing <= 0:
        return values if len(values) <= max_bytes else Unjoined.TOO_LARGE
    last = tensor_pb2.TensorProto(string_val=strings[-1:]).SerializeToString()
    if len(values) + missing * len(last) > max_bytes:
        return Unjoined.TOO_LARGE
    return values + last * missing
