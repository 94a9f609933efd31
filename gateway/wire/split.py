"""One caller's values as several smaller ones, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod

from gateway.wire.rows import string_ends
from gateway.wire.tensor import DT_STRING, Features, Values


def split_values(features: Features, values: Values, rows: int, sizes: Sequence[int]) -> list[Values]:
    """`values` of `rows` rows as pieces of `sizes` rows, which add up to `rows`."""
    columns: list[list[bytes]] = []
    for (_, dtype, shape), data in zip(features, values, strict=True):
        if dtype == DT_STRING:
            elements = prod(shape)
            ends = string_ends(data, [size * elements for size in sizes])
        else:
            row_bytes = len(data) // rows
            ends = [end * row_bytes for end in accumulate(sizes)]
        columns.append([data[start:end] for start, end in pairwise([0, *ends])])
    return list(zip(*columns, strict=True))
