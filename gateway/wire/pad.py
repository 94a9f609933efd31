"""Inputs of other shapes made alike, the way TensorFlow Serving's pad_variable_length_inputs does it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Final

from gateway.wire.dtype import LAYOUTS
from gateway.wire.rows import string_ends
from gateway.wire.tensor import DT_STRING, Features, Values
from gateway.wire.walk import varint_at

MAX_PADDED_RANK: Final = 6  # TensorFlow Serving's, rows included
MOST_STEPS: Final = 1 << 16  # of padding the members of one joined call: each takes its time, and all calls wait
NEVER_BYTES: Final = 1 << 62  # more than any bound


def widest(features: Sequence[Features]) -> Features:
    """The smallest features that hold all of these, which have aliases, dtypes and ranks in common."""
    columns = zip(*features, strict=True)
    return tuple(
        [
            (column[0][0], column[0][1], tuple([max(sizes) for sizes in zip(*[one[2] for one in column], strict=True)]))
            for column in columns
        ]
    )


def padding_steps(own: Features, to: Features, rows: int) -> int:
    """How many blocks and strings `pad_values` would handle one by one; 0 where nothing is padded. Those of all members
    of one joined call, added up, should be at most MOST_STEPS.
    """
    steps = 0
    for (_, dtype, shape), (_, _, wanted) in zip(own, to, strict=True):
        if shape == wanted:
            continue
        blocks = rows
        for came, goes in zip(shape, wanted, strict=True):
            steps += blocks if came != goes or dtype == DT_STRING else 0
            blocks *= came
        steps += blocks if dtype == DT_STRING else 0
    return steps


def may_pad(own: Features, to: Features, rows: int) -> bool:
    """Whether `pad_values` does it: neither more dimensions than TensorFlow Serving pads nor too many steps."""
    if own == to:
        return True
    for (_, _, shape), (_, _, wanted) in zip(own, to, strict=True):
        if shape != wanted and len(shape) >= MAX_PADDED_RANK:
            return False
    return padding_steps(own, to, rows) <= MOST_STEPS


def padded_bytes(own: Features, to: Features, values: Values, rows: int) -> int:
    """How many bytes `pad_values` would return: to be compared with a bound before it is called. NEVER_BYTES where it
    must not be called.
    """
    if not may_pad(own, to, rows):
        return NEVER_BYTES
    total = 0
    for (_, dtype, shape), (_, _, wanted), data in zip(own, to, values, strict=True):
        added = rows * (prod(wanted) - prod(shape))
        total += len(data) + added * (_first_string_end(data) if dtype == DT_STRING else LAYOUTS[dtype].size)
    return total


def pad_values(own: Features, to: Features, values: Values, rows: int) -> Values:
    """`values` of `rows` rows with features `own` as values with features `to`, which are nowhere smaller.

    Each dimension is padded at its end with the tensor's first element. The caller has asked `may_pad`.
    """
    padded = []
    for (_, dtype, shape), (_, _, wanted), data in zip(own, to, values, strict=True):
        if shape == wanted:
            padded.append(data)
        elif dtype == DT_STRING:
            padded.append(_pad_strings(data, shape, wanted, rows))
        else:
            padded.append(_pad_bytes(data, LAYOUTS[dtype].size, shape, wanted))
    return tuple(padded)


def _first_string_end(data: bytes) -> int:
    length, at = varint_at(data, 1)
    return at + length


def _pad_bytes(data: bytes, width: int, shape: tuple[int, ...], wanted: tuple[int, ...]) -> bytes:
    """From the last dimension to the first: what a dimension's elements weigh is then known."""
    first, inner = data[:width], 1  # elements in one step along the dimension at hand
    for axis in range(len(shape) - 1, -1, -1):
        came, goes = shape[axis], wanted[axis]
        if came != goes:
            block, filling = came * inner * width, first * ((goes - came) * inner)
            data = b"".join([data[at : at + block] + filling for at in range(0, len(data), block)])
        inner *= goes
    return data


def _pad_strings(data: bytes, shape: tuple[int, ...], wanted: tuple[int, ...], rows: int) -> bytes:
    """The same for strings, which have no width: as blocks of the last dimension, then of the one before it."""
    first, inner = data[: _first_string_end(data)], 1
    ends = string_ends(data, [shape[-1]] * (rows * prod(shape[:-1])))
    blocks = [data[start:end] for start, end in pairwise([0, *ends])]
    for axis in range(len(shape) - 1, -1, -1):
        came, goes = shape[axis], wanted[axis]
        if came != goes:
            filling = first * ((goes - came) * inner)
            blocks = [block + filling for block in blocks]
        inner *= goes
        if axis:
            count = shape[axis - 1]
            blocks = [b"".join(blocks[at : at + count]) for at in range(0, len(blocks), count)]
    return b"".join(blocks)
