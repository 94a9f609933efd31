"""Promises of wire/rows.py: strings and varints are cut between elements, and only when there are as many as said."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.encode import varint
from gateway.wire.rows import last_row_bytes, string_ends, varint_ends
from gateway.wire.split import split_values
from gateway.wire.walk import UnusualEncoding
from tests.unit.gateway.wire.messages import STRING, Joined, encoded, join_of, joins

STRINGS = st.lists(st.lists(st.binary(max_size=4) | st.just(b"y" * 300), max_size=12), max_size=5)
NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 300) | st.integers(0, 127)
VARINTS = st.lists(st.lists(NUMBERS, max_size=20), max_size=5)


@given(STRINGS)
def test_blocks_of_strings_end_where_they_were_put_together(blocks: list[list[bytes]]) -> None:
    data = b"".join([encoded(block) for block in blocks])
    ends = string_ends(data, [len(block) for block in blocks])
    assert [data[start:end] for start, end in pairwise([0, *ends])] == [encoded(block) for block in blocks]


@given(VARINTS)
def test_blocks_of_varints_end_where_they_were_put_together(blocks: list[list[int]]) -> None:
    written = [b"".join(map(varint, block)) for block in blocks]
    data = b"".join(written)
    ends = varint_ends(data, [len(block) for block in blocks])
    assert [data[start:end] for start, end in pairwise([0, *ends])] == written


@pytest.mark.parametrize("counts", [[1], [3], [0, 1], [1, 2]])
def test_more_or_fewer_elements_than_said_are_refused(counts: list[int]) -> None:
    for data in (encoded([b"a", b"b"]), b"\x05\x06", b"\x85\x01\x86\x01"):
        ends = string_ends if data[0] == 0x42 else varint_ends
        with pytest.raises((UnusualEncoding, IndexError)):
            ends(data, counts)


def test_another_field_among_strings_is_refused() -> None:
    with pytest.raises(UnusualEncoding):
        string_ends(b"\x42\x01a\x3a\x01b", [2])
    with pytest.raises(UnusualEncoding):
        string_ends(b"\x42\x09a", [1])


@given(joins())
def test_the_last_row_weighs_what_a_split_gives_it(joined: Joined) -> None:
    for values, rows in zip(joined.values, joined.rows, strict=True):
        last = split_values(joined.features, values, rows, [rows - 1, 1])[1]
        assert last_row_bytes(joined.features, values, rows) == sum(map(len, last))


def test_padding_with_a_long_last_string_costs_its_length_each_time() -> None:
    joined = Joined((("x", STRING, ()),), [(encoded([b"", b"y" * 300]),)], [2])
    weight = last_row_bytes(joined.features, joined.values[0], 2)
    assert weight == 303
    assert len(join_of(joined, 4)) - len(join_of(joined, 3)) == weight
