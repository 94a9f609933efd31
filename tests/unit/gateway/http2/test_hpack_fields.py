"""Unit tests for both header decoders: fields that RFC 9113 forbids, and lists beyond the bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.http2.errors import ConnectionFault, ErrorCode, HeaderListTooLarge, StreamFault
from gateway.http2.hpack_library import LibraryDecoder
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_table import Decoder

Make = Callable[..., Decoder]

every_decoder = pytest.mark.parametrize("make", [OwnDecoder, LibraryDecoder])


@every_decoder
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x00\x01X\x01v", id="upper case"),
        pytest.param(b"\x00\x00\x01v", id="no name"),
        pytest.param(b"\x00\x01:\x01v", id="a colon alone"),
        pytest.param(b"\x00\x03a:b\x01v", id="a colon inside"),
        pytest.param(b"\x00\x03a b\x01v", id="a space in a name"),
        pytest.param(b"\x00\x02a\n\x01v", id="a line feed after a name"),
        pytest.param(b"\x00\x01\xe9\x01v", id="a name outside ASCII"),
        pytest.param(b"\x00\x7f\x01" + b"N" * 128 + b"\x01v", id="a long name"),
        pytest.param(b"\x04\x03a\0b", id="NUL in a value"),
        pytest.param(b"\x04\x03a\rb", id="CR in a value"),
        pytest.param(b"\x04\x03a\nb", id="LF in a value"),
        pytest.param(b"\x04\x02a\n", id="LF after a value"),
        pytest.param(b"\x04\x02 a", id="space before a value"),
        pytest.param(b"\x04\x02a\t", id="tab after a value"),
        pytest.param(b"\x04\x01 ", id="a space for a value"),
    ],
)
def test_a_forbidden_field_fails_its_stream_also_from_the_table(make: Make, block: bytes) -> None:
    decoder = make()
    assert_forbidden(decoder, block + b"\x40\x01z\x01v")
    assert decoder.decode(b"\xbe") == [("z", "v")]  # what came after it is in the table
    assert_forbidden(decoder, bytes((block[0] | 0x40,)) + block[1:])
    assert decoder.decode(b"\xbf") == [("z", "v")]
    assert_forbidden(decoder, b"\x82\xbe")
    assert decoder.decode(b"\x82\xbf") == [(":method", "GET"), ("z", "v")]


@every_decoder
def test_a_forbidden_name_is_seen_through_a_name_index(make: Make) -> None:
    decoder = make()
    assert_forbidden(decoder, b"\x40\x01X\x01v")
    assert_forbidden(decoder, b"\x0f\x2f\x01w")  # 15 + 47: the newest


@every_decoder
@pytest.mark.parametrize("value", [b"", b"a b\tc", b"\x80\xa0\x85", b"\x1fa\x7f"])
def test_other_values_are_allowed(make: Make, value: bytes) -> None:
    assert make().decode(b"\x04" + bytes((len(value),)) + value) == [(":path", value.decode("latin-1"))]


@every_decoder
def test_a_list_at_its_bound_is_taken_and_one_byte_more_is_not(make: Make) -> None:
    bound = 2 * (32 + 1 + 10)
    literal = b"\x40\x01a\x0a" + b"v" * 10
    assert len(make(max_list_bytes=bound).decode(literal + b"\xbe")) == 2
    with pytest.raises(HeaderListTooLarge) as caught:
        make(max_list_bytes=bound - 1).decode(literal + b"\xbe")
    assert (caught.value.size_bytes, caught.value.max_bytes) == (bound, bound - 1)


@every_decoder
def test_a_list_too_large_leaves_the_table_as_the_peer_has_it(make: Make) -> None:
    decoder = make(max_list_bytes=500)
    with pytest.raises(HeaderListTooLarge) as caught:
        decoder.decode(b"\x40\x01a\x0a" + b"v" * 10 + b"\x00\x01b\x64" + b"w" * 100 + b"\xbe" * 20 + b"\x40\x01Z\x01z")
    assert caught.value.size_bytes == 21 * 43 + 133 + 34
    assert decoder.changed
    assert decoder.decode(b"\xbf") == [("a", "v" * 10)]
    assert_forbidden(decoder, b"\xbe")
    with pytest.raises(ConnectionFault):
        make(max_list_bytes=100).decode(b"\x00\x01b\x64" + b"w" * 100 + b"\x80")


def assert_forbidden(decoder: Decoder, block: bytes) -> None:
    with pytest.raises(StreamFault) as caught:
        decoder.decode(block)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
