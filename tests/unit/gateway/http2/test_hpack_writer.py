"""Unit tests for header blocks as we write them: what is written is read again, and no table is touched."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2.hpack_library import LibraryDecoder
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_table import STATIC_FIELDS, Decoder
from gateway.http2.hpack_writer import TABLE_SIZE_ZERO, encode_field, encode_fields

_NAMES = st.one_of(
    st.sampled_from(sorted({name for name, _ in STATIC_FIELDS})), st.text(alphabet="abcxyz0-", min_size=1, max_size=200)
)
_VALUES = st.one_of(
    st.sampled_from(sorted({value for _, value in STATIC_FIELDS})), st.text(alphabet="aZ09 /\xe9", max_size=300)
)


@pytest.mark.parametrize(
    ("name", "value", "encoded"),
    [
        (":status", "200", "88"),
        (":method", b"POST", "83"),
        (":path", "/a", "04 02 2f61"),
        (":status", "201", "08 03 323031"),
        ("content-type", "x", "0f10 01 78"),  # index 31 = 15 + 16
        ("content-length", "", "0f0d 00"),
        (b"te", b"a", "00 02 7465 01 61"),
        ("k", "v" * 127, "00 01 6b 7f00" + "76" * 127),
        ("k", "v" * 300, "00 01 6b 7fad01" + "76" * 300),
    ],
)
def test_a_field_is_written_as_rfc_7541_says(name: str | bytes, value: str | bytes, encoded: str) -> None:
    assert encode_field(name, value) == bytes.fromhex(encoded)


def test_a_secret_is_never_to_be_indexed() -> None:
    assert encode_field("authorization", "s", never_indexed=True) == bytes.fromhex("1f08 01 73")
    assert encode_field("x", "s", never_indexed=True) == bytes.fromhex("10 01 78 01 73")
    block = encode_field(":method", "GET", never_indexed=True)
    (field,) = hpack.Decoder().decode(block, raw=True)
    assert isinstance(field, hpack.NeverIndexedHeaderTuple)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_NAMES, _VALUES)))
def test_what_is_written_is_read_again_and_enters_no_table(fields: list[tuple[str, str]]) -> None:
    block = encode_fields([(name, value.strip()) for name, value in fields])
    for decoder in (OwnDecoder(max_list_bytes=2**20), LibraryDecoder(max_list_bytes=2**20)):
        assert decoder.decode(block) == [(name, value.strip()) for name, value in fields]
        assert not decoder.changed


def test_a_size_update_to_zero_may_open_any_block() -> None:
    decoders: list[Decoder] = [OwnDecoder(), LibraryDecoder()]
    for decoder in decoders:
        assert decoder.decode(TABLE_SIZE_ZERO + encode_field("a", "b")) == [("a", "b")]


def test_a_string_outside_latin_1_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_field("a", "\u20ac")
