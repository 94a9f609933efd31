"""Promises of wire/pad.py: every dimension is padded at its end with the tensor's first element."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.dtype import LAYOUTS
from gateway.wire.pad import (
    MAX_PADDED_RANK,
    MOST_STEPS,
    NEVER_BYTES,
    may_pad,
    pad_values,
    padded_bytes,
    padding_steps,
    widest,
)
from gateway.wire.tensor import Features
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import STRING, encoded

UINT8, INT32 = tensor_pb2.DT_UINT8, tensor_pb2.DT_INT32


def test_the_widest_holds_all() -> None:
    one: Features = (("a", 1, (2, 5)), ("b", STRING, (1,)))
    two: Features = (("a", 1, (3, 4)), ("b", STRING, (1,)))
    assert widest([one, two, one]) == (("a", 1, (3, 5)), ("b", STRING, (1,)))
    assert widest([one]) == one


def test_rows_grow_at_their_ends() -> None:
    own, to = (("a", UINT8, (2, 2)), ("b", UINT8, ())), (("a", UINT8, (3, 3)), ("b", UINT8, ()))
    values = (bytes([1, 2, 3, 4, 5, 6, 7, 8]), b"\7\7")
    padded = pad_values(own, to, values, 2)
    assert padded == (bytes([1, 2, 1, 3, 4, 1, 1, 1, 1, 5, 6, 1, 7, 8, 1, 1, 1, 1]), b"\7\7")


def test_strings_are_padded_with_the_first_string() -> None:
    own, to = (("a", STRING, (1,)),), (("a", STRING, (3,)),)
    first = b"x" * 200
    padded = pad_values(own, to, (encoded([first, b"b"]),), 2)
    assert padded == (encoded([first] * 3 + [b"b", first, first]),)
    assert padded_bytes(own, to, (encoded([first, b"b"]),), 2) == len(padded[0])


def test_no_more_dimensions_are_padded_than_tensorflow_serving_pads() -> None:
    most: Features = (("x", UINT8, (1,) * (MAX_PADDED_RANK - 1)),)
    wider: Features = (("x", UINT8, (1,) * (MAX_PADDED_RANK - 2) + (2,)),)
    assert may_pad(most, wider, 1)
    assert padded_bytes(most, wider, (b"a",), 1) == 2
    more: Features = (("x", UINT8, (1, *most[0][2])),)
    wider = (("x", UINT8, (1, *wider[0][2])),)
    assert may_pad(more, more, 1)
    assert not may_pad(more, wider, 1)
    assert padded_bytes(more, wider, (b"a",), 1) == NEVER_BYTES


def test_an_input_of_very_many_blocks_is_not_padded() -> None:
    for count, may in ((MOST_STEPS, True), (MOST_STEPS + 1, False)):
        own: Features = (("x", UINT8, (count, 1)), ("y", UINT8, ()))
        to: Features = (("x", UINT8, (count, 2)), ("y", UINT8, ()))
        assert padding_steps(own, to, 1) == count
        assert may_pad(own, to, 1) is may
        assert may_pad(own, own, 1)
        assert padded_bytes(own, to, (bytes(count), b"a"), 1) == (2 * count + 1 if may else NEVER_BYTES)
    strings: Features = (("x", STRING, (MOST_STEPS,)),)
    assert not may_pad(strings, (("x", STRING, (MOST_STEPS + 1,)),), 1)


def test_an_input_of_few_blocks_is_padded_however_wide_it_gets() -> None:
    for dtype, value in ((UINT8, b"a"), (STRING, encoded([b""]))):
        own: Features = (("x", dtype, (1,)),)
        to: Features = (("x", dtype, (10**6,)),)
        assert may_pad(own, to, 8)
        assert pad_values(own, to, (value * 8,), 8) == (value * 8 * 10**6,)


@pytest.mark.parametrize("dtype", [UINT8, INT32, STRING])
@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=5), st.integers(1, 3))
def test_every_element_is_where_it_was_and_all_others_are_the_first(
    dtype: int, dims: list[tuple[int, int]], rows: int
) -> None:
    came = (rows, *[size for size, _ in dims])
    goes = (rows, *[size + more for size, more in dims])
    width = 1 if dtype == STRING else LAYOUTS[dtype].size
    elements = [bytes([number % 256]) * width for number in range(prod(came))]
    wanted = []
    for place in product(*[range(size) for size in goes]):
        index = 0
        for axis, size in enumerate(came):
            index = index * size + place[axis] if place[axis] < size and index >= 0 else -1
        wanted.append(elements[max(index, 0)])
    own, to = (("x", dtype, came[1:]),), (("x", dtype, goes[1:]),)
    join = encoded if dtype == STRING else b"".join
    padded = pad_values(own, to, (join(elements),), rows)
    assert padded == (join(wanted),)
    assert padded_bytes(own, to, (join(elements),), rows) == len(padded[0])
