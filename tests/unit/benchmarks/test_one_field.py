"""The one field read out of header blocks is the one that a whole decoder finds."""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.one_field import OneField

NAMES = st.sampled_from([":path", ":status", "grpc-status", "x-user-id", "date", "x" * 200])
VALUES = st.one_of(
    st.sampled_from(["0", "/a.B/C", "200", "v" * 300]), st.text(st.characters(codec="ascii"), max_size=20)
)
FIELDS = st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=8)
BLOCKS = st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([None, None, None, 0, 100, 4096])), max_size=20)


@pytest.mark.parametrize(("name", "static_index"), [(":path", 4), ("grpc-status", 0)])
@settings(max_examples=50, deadline=None)
@given(blocks=BLOCKS)
def test_it_is_what_the_library_finds(
    name: str, static_index: int, blocks: list[tuple[list[tuple[str, str, bool]], bool, int | None]]
) -> None:
    encoder, decoder, reader = Encoder(), Decoder(), OneField(name, static_index)
    for fields, huffman, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        block = encoder.encode(fields, huffman=huffman)
        decoded = [(str(key), str(value)) for key, value in decoder.decode(block)]
        # ":path: /" is in the static table whole, and no call's path
        expected = [value for key, value in decoded if key == name and (key, value) != (":path", "/")]
        assert reader.read(block) == (expected[-1] if expected else None)


def test_a_path_is_found_by_index_after_hundreds_of_other_entries() -> None:
    encoder, reader = Encoder(), OneField(":path", 4)
    for number in range(500):
        block = encoder.encode([(":path", "/a.B/C"), ("x-user-id", str(number))])
        assert reader.read(block) == "/a.B/C"


@pytest.mark.parametrize("block", [b"\x44\x05/a", b"\xff", b"\xbe", b"\x40"])
def test_a_broken_block_is_refused(block: bytes) -> None:
    with pytest.raises(IndexError):
        OneField(":path", 4).read(block)
