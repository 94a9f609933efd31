"""Promises of wire/walk.py: fields are found where protobuf finds them, and what isn't protobuf says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.encode import delimited, varint
from gateway.wire.walk import UnusualEncoding, are_varints, field_at, fixed_run, varint_at, varints_end
from tests.unit.gateway.wire.messages import single

NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 300)


@given(NUMBERS, st.binary(max_size=3))
def test_a_varint_is_read_back(value: int, after: bytes) -> None:
    written = varint(value)
    assert varint_at(b"\x80" + written + after, 1) == (value, 1 + len(written))


def test_a_varint_has_at_most_ten_bytes() -> None:
    assert varint_at(b"\x80" * 9 + b"\x01", 0) == (2**63, 10)
    with pytest.raises(UnusualEncoding):
        varint_at(b"\x80" * 10 + b"\x01", 0)
    with pytest.raises(IndexError):
        varint_at(b"\x80", 0)


@given(st.integers(1, 2**29 - 1), st.binary(max_size=200), NUMBERS)
def test_a_field_of_every_kind_is_found(number: int, content: bytes, value: int) -> None:
    tag = varint(number << 3)
    for data, begin in [
        (delimited(number, content), len(varint(number << 3)) + len(varint(len(content)))),
        (tag + varint(value), len(tag)),
        (single(number, b"four"), len(tag)),
        (single(number, b"eight bytes"[:8]), len(tag)),
    ]:
        found = field_at(b"??" + data + b"!", 2, 2 + len(data))
        assert found[0] >> 3 == number
        assert found[1:] == (2 + begin, 2 + len(data))


@pytest.mark.parametrize("data", [b"\x0b", b"\x0e\0", b"\x0a\x05abc", b"\x0d\0\0\0", b"\x09" + bytes(7)])
def test_groups_unknown_kinds_and_fields_that_are_too_long_are_refused(data: bytes) -> None:
    with pytest.raises(UnusualEncoding):
        field_at(data, 0, len(data))


@given(st.sampled_from([4, 8]), st.integers(1, 300), st.integers(0, 5))
def test_a_run_of_single_values_ends_where_another_field_begins(width: int, count: int, other: int) -> None:
    values = [bytes([number % 251] * width) for number in range(count)]
    run = b"".join([single(5, value) for value in values])
    rest = delimited(6, bytes(other)) if other else b""
    assert fixed_run(b"?" + run + rest, 1, 1 + len(run) + len(rest), width) == (b"".join(values), 1 + len(run))


def test_a_run_that_ends_within_a_value_is_refused() -> None:
    run = single(5, b"abcd") * 3
    for missing in range(1, 5):
        with pytest.raises(UnusualEncoding):
            fixed_run(run, 0, len(run) - missing, 4)


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_the_end_of_so_many_varints_is_found_among_others(first: list[int], second: list[int]) -> None:
    data = b"".join(map(varint, first))
    assert varints_end(data + b"".join(map(varint, second)), 0, len(first)) == len(data)
    with pytest.raises(UnusualEncoding):
        varints_end(data, 0, len(first) + 1)


@given(st.lists(NUMBERS, min_size=1))
def test_varints_are_told_from_what_is_none(numbers: list[int]) -> None:
    data = b"".join(map(varint, numbers))
    assert are_varints(data)
    assert not are_varints(data + b"\x80")
    assert not are_varints(b"\x80" * 10 + b"\1" + data)
    assert are_varints(b"")
