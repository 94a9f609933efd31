"""Unit tests for the look-up of whole header blocks: right after any change of the tables, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2.errors import ConnectionFault, HeaderListTooLarge, StreamFault
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_reader import HeaderReader
from gateway.http2.hpack_table import Field

_ENTER_A = b"\x40\x01a\x01b"
_ENTER_C = b"\x40\x01c\x01d"


def _reader(max_blocks: int = 64, max_block_bytes: int = 1024) -> HeaderReader[list[Field]]:
    return HeaderReader(OwnDecoder(), list, max_blocks, max_block_bytes)


def test_an_equal_block_is_interpreted_once() -> None:
    reader = _reader()
    first = reader.read(b"\x82\x86")
    assert reader.read(bytes([0x82, 0x86])) is first
    assert (reader.hits, reader.misses) == (1, 1)


def test_a_block_that_changes_the_table_is_read_anew_each_time() -> None:
    reader = _reader()
    assert reader.read(_ENTER_A) == reader.read(_ENTER_A) == [("a", "b")]
    assert reader.hits == 0
    assert reader.read(b"\xbe\xbf") == [("a", "b"), ("a", "b")]


@pytest.mark.parametrize("change", [_ENTER_C, b"\x20", b"\x3f\x09\x82", b"\x00\x01X\x01v" + _ENTER_C])
def test_any_change_of_the_table_empties_the_look_up(change: bytes) -> None:
    reader = _reader()
    reader.read(_ENTER_A)
    assert reader.read(b"\x82") == reader.read(b"\x82")
    try:
        reader.read(change)
    except StreamFault:
        assert b"X" in change
    reader.read(b"\x82")
    assert reader.hits == 1


def test_an_index_means_the_newest_entry_although_the_block_is_the_same() -> None:
    reader = _reader()
    reader.read(_ENTER_A)
    assert reader.read(b"\xbe") == [("a", "b")]
    reader.read(_ENTER_C)
    assert reader.read(b"\xbe") == [("c", "d")]


def test_a_size_update_to_the_size_in_force_keeps_the_look_up() -> None:
    reader = _reader()
    reader.read(b"\x20\x82")
    assert reader.read(b"\x20\x82") == reader.read(b"\x20\x82")
    assert reader.hits == 1


@pytest.mark.parametrize(
    ("block", "error"),
    [(b"\x80", ConnectionFault), (b"\x00\x01X\x01v", StreamFault), (b"\x82" * 400, HeaderListTooLarge)],
)
def test_faults_are_told_each_time(block: bytes, error: type[Exception]) -> None:
    reader = _reader()
    for _ in range(2):
        with pytest.raises(error):
            reader.read(block)
    assert reader.misses == 2


def test_what_interpreting_raises_is_raised_each_time() -> None:
    calls = []

    def refuse(fields: list[Field]) -> None:
        calls.append(fields)
        raise LookupError("no such method")

    reader = HeaderReader(OwnDecoder(), refuse)
    for _ in range(2):
        with pytest.raises(LookupError):
            reader.read(b"\x82")
    assert len(calls) == 2


def test_no_more_blocks_and_no_longer_ones_are_kept_than_allowed() -> None:
    reader = _reader(max_blocks=2, max_block_bytes=3)
    for block in (b"\x82", b"\x83", b"\x84", b"\x82"):
        reader.read(block)
    assert reader.hits == 0
    for _ in range(2):
        reader.read(b"\x82\x83\x84\x85")
    assert reader.hits == 0
    none = _reader(max_blocks=0)
    assert none.read(b"\x82") == none.read(b"\x82")
    assert none.hits == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([_ENTER_A, _ENTER_C, b"\x20", b"\x3f\x1f", b"\x82", b"\xbe", b"\xbf", b"\x7e\x01x"])))
def test_looked_up_or_not_a_block_means_the_same(blocks: list[bytes]) -> None:
    reader, decoder = _reader(max_blocks=2), OwnDecoder()
    for block in blocks:
        try:
            wanted = decoder.decode(block)
        except ConnectionFault:
            with pytest.raises(ConnectionFault):
                reader.read(block)
            return
        assert reader.read(block) == wanted
