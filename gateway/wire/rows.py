"""Where the rows of values end, also of those that have no fixed width: strings, and lists of varints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, compress
from math import prod
from typing import Final

from gateway.wire.tensor import DT_STRING, STRING_TAG, Features, Values
from gateway.wire.walk import UnusualEncoding, varint_at, varints_end

_SHORT_BLOCK: Final = 256  # bytes: up to here finding the end of every varint is cheaper than looking for a block's
_ENDS: Final = b"\1" * 128 + bytes(128)  # 1 where a varint ends


def string_ends(data: bytes, counts: Sequence[int]) -> list[int]:
    """Where each block of `counts` encoded strings ends in `data`, a run of string_val fields.

    Raises: UnusualEncoding, IndexError unless `data` is exactly that.
    """
    ends, at, size = [], 0, len(data)
    for count in counts:
        for _ in range(count):
            if data[at] != STRING_TAG:
                raise UnusualEncoding("no string_val")
            length = data[at + 1]
            if length < 128:
                at += length + 2
            else:
                length, at = varint_at(data, at + 1)
                at += length
        ends.append(at)
    if at != size:
        raise UnusualEncoding("more or fewer strings than said")
    return ends


def varint_ends(data: bytes, counts: Sequence[int]) -> list[int]:
    """Where each block of `counts` varints ends in `data`. Raises: UnusualEncoding unless it is exactly those."""
    if data.isascii():  # one byte each
        ends = list(accumulate(counts))
    elif len(data) < _SHORT_BLOCK * len(counts):
        every = [0, *compress(range(1, len(data) + 1), data.translate(_ENDS))]
        places = list(accumulate(counts))
        if places and places[-1] >= len(every):
            raise UnusualEncoding("fewer varints than said")
        ends = [every[place] for place in places]
    else:
        ends, at = [], 0
        for count in counts:
            at = varints_end(data, at, count)
            ends.append(at)
    if (ends[-1] if ends else 0) != len(data):
        raise UnusualEncoding("more or fewer varints than said")
    return ends


def last_row_begin(data: bytes, dtype: int, shape: tuple[int, ...], rows: int) -> int:
    """Where the last of `rows` rows begins in one input's values; `shape` is without the row axis."""
    if dtype != DT_STRING:
        return len(data) - len(data) // rows
    elements = prod(shape)
    return string_ends(data, [(rows - 1) * elements, elements])[0]


def last_row_bytes(features: Features, values: Values, rows: int) -> int:
    """What one more copy of the last row adds to `values` of `rows` rows with `features`, all inputs together."""
    total = 0
    for (_, dtype, shape), data in zip(features, values, strict=True):
        total += len(data) - last_row_begin(data, dtype, shape, rows)
    return total
