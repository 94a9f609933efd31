"""Unit tests for both header decoders, one by one: RFC 7541's examples, every fault, every bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.hpack_library import LibraryDecoder
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_table import Decoder, Field

Make = Callable[..., Decoder]

every_decoder = pytest.mark.parametrize("make", [OwnDecoder, LibraryDecoder])

# A size update to 256 bytes, as the RFC's responses have it by another way.
_TO_256 = bytes.fromhex("3fe101")

_FIRST = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]
_SECOND = [*_FIRST, ("cache-control", "no-cache")]
_THIRD = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
]
_DATES = ("Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT")
_LOCATION = ("location", "https://www.example.com")
_302 = [(":status", "302"), ("cache-control", "private"), ("date", _DATES[0]), _LOCATION]
_307 = [(":status", "307"), *_302[1:]]
_200 = [
    (":status", "200"),
    ("cache-control", "private"),
    ("date", _DATES[1]),
    _LOCATION,
    ("content-encoding", "gzip"),
    ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
]


@every_decoder
@pytest.mark.parametrize(
    ("block", "field", "changed"),
    [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ("custom-key", "custom-header"), True),
        ("040c 2f73 616d 706c 652f 7061 7468", (":path", "/sample/path"), False),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", ("password", "secret"), False),
        ("82", (":method", "GET"), False),
    ],
    ids=["C.2.1", "C.2.2", "C.2.3", "C.2.4"],
)
def test_rfc_7541_fields(make: Make, block: str, field: Field, changed: bool) -> None:
    decoder = make()
    assert decoder.decode(bytes.fromhex(block)) == [field]
    assert decoder.changed is changed


@every_decoder
@pytest.mark.parametrize(
    "blocks",
    [
        (
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ),
        (
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ),
    ],
    ids=["C.3 plain", "C.4 Huffman"],
)
def test_rfc_7541_requests(make: Make, blocks: tuple[str, str, str]) -> None:
    decoder = make()
    assert [decoder.decode(bytes.fromhex(block)) for block in blocks] == [_FIRST, _SECOND, _THIRD]


@every_decoder
@pytest.mark.parametrize(
    "blocks",
    [
        (
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133"
            "3a32 3120 474d"
            "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "4803 3330 37c1 c0bf",
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a"
            "6970 7738 666f"
            "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765"
            "3d33 3630 303b"
            "2076 6572 7369 6f6e 3d31",
        ),
        (
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d"
            "29ad 1718 63c7"
            "8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d"
            "d7f2 e6c7 b335"
            "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ),
    ],
    ids=["C.5 plain", "C.6 Huffman"],
)
def test_rfc_7541_responses_evict(make: Make, blocks: tuple[str, str, str]) -> None:
    decoder = make()
    first, second, third = (bytes.fromhex(block) for block in blocks)
    assert decoder.decode(_TO_256 + first) == _302
    assert decoder.decode(second) == _307
    assert decoder.decode(third) == _200
    # Left are the last three fields (RFC 7541 C.5.3): 62 to 64.
    assert decoder.decode(b"\xbe\xbf\xc0") == [_200[5], _200[4], ("date", _DATES[1])]
    with pytest.raises(ConnectionFault):
        decoder.decode(b"\xc1")


@every_decoder
@pytest.mark.parametrize(
    "block",
    [
        pytest.param("80", id="index 0"),
        pytest.param("be", id="index beyond an empty dynamic table"),
        pytest.param("ff00", id="index 127"),
        pytest.param("fffeffffff0f", id="index near 2**32"),
        pytest.param("7e00", id="name index beyond the tables"),
        pytest.param("0f3000", id="name index beyond the tables, not indexed"),
        pytest.param("ff8080808080 01", id="an integer of six bytes after its prefix"),
        pytest.param("ffffffffffff", id="an integer without an end"),
        pytest.param("ff", id="index cut"),
        pytest.param("ff80", id="index cut later"),
        pytest.param("7f", id="name index cut"),
        pytest.param("00", id="name cut at its length"),
        pytest.param("000361", id="name cut"),
        pytest.param("007f", id="name length cut"),
        pytest.param("007fffffffff07", id="name of 2**31 bytes"),
        pytest.param("04", id="value cut at its length"),
        pytest.param("04032f61", id="value cut"),
        pytest.param("047f", id="value length cut"),
        pytest.param("04ff8001", id="Huffman value length cut"),
        pytest.param("0482 ffff", id="Huffman padding of 16 bits"),
        pytest.param("0481 18", id="Huffman padding of zeros"),
        pytest.param("0081 ff 00", id="Huffman padding alone in a name"),
        pytest.param("0484 ffffffff", id="Huffman end of string"),
        pytest.param("3fe21f", id="size update to 4097"),
        pytest.param("82 20", id="size update after a field"),
        pytest.param("20 82 20", id="size update after a field, again"),
        pytest.param("3f", id="size update cut"),
        pytest.param("3fffffffffff0f", id="size update too long"),
    ],
)
def test_what_cannot_be_decoded_is_a_compression_error(make: Make, block: str) -> None:
    with pytest.raises(ConnectionFault) as caught:
        make().decode(bytes.fromhex(block))
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


@every_decoder
def test_an_empty_block_has_no_fields(make: Make) -> None:
    assert make().decode(b"") == []


@every_decoder
def test_long_integers_and_strings_are_read(make: Make) -> None:
    decoder = make()
    assert decoder.decode(b"\x00\x7f\x49" + b"n" * 200 + b"\x7f\xe9\x06" + b"v" * 1000) == [("n" * 200, "v" * 1000)]
    assert decoder.decode(b"\x0f\x12\x00") == [("date", "")]  # 15 + 18


@every_decoder
def test_bytes_that_are_no_ascii_are_kept(make: Make) -> None:
    assert make().decode(b"\x04\x04/\xe9\x80\xff") == [(":path", "/\xe9\x80\xff")]


@every_decoder
def test_a_table_lowered_and_raised_keeps_what_fits(make: Make) -> None:
    decoder = make()
    decoder.decode(b"\x40\x01a\x01b" + b"\x40\x01c\x01d")  # 34 bytes each
    assert decoder.decode(b"\x3f\x0f\xbe") == [("c", "d")]  # to 46 bytes
    assert decoder.changed
    with pytest.raises(ConnectionFault):
        decoder.decode(b"\xbf")


@every_decoder
def test_two_size_updates_may_open_a_block(make: Make) -> None:
    decoder = make()
    decoder.decode(b"\x40\x01a\x01b")
    assert decoder.decode(b"\x20\x3f\xe1\x1f\x40\x01c\x01d\xbe") == [("c", "d"), ("c", "d")]  # 0, then 4096
    with pytest.raises(ConnectionFault):
        decoder.decode(b"\xbf")


@every_decoder
def test_the_limit_of_the_table_may_be_above_or_below_the_first_size(make: Make) -> None:
    make(max_table_bytes=65536).decode(b"\x3f\xe1\xff\x03")
    lower = make(max_table_bytes=46)
    assert lower.decode(b"\x40\x01a\x01b" + b"\x40\x01c\x01d\xbf") == [("a", "b"), ("c", "d"), ("a", "b")]
    with pytest.raises(ConnectionFault):
        lower.decode(b"\x3f\x10")  # 47


@every_decoder
def test_an_entry_larger_than_the_table_empties_it(make: Make) -> None:
    decoder = make()
    decoder.decode(b"\x3f\x15" + b"\x40\x01a\x01b")  # 52 bytes
    assert decoder.decode(b"\xbe") == [("a", "b")]
    large = "v" * 20
    assert decoder.decode(b"\x40\x01c\x14" + large.encode()) == [("c", large)]
    assert decoder.changed
    with pytest.raises(ConnectionFault):
        decoder.decode(b"\xbe")


@every_decoder
def test_a_name_may_come_from_the_entry_that_its_field_evicts(make: Make) -> None:
    decoder = make()
    decoder.decode(b"\x3f\x09\x40\x04name\x01a")  # 40 bytes: room for one
    assert decoder.decode(b"\x7e\x01b\xbe") == [("name", "b"), ("name", "b")]


@every_decoder
@pytest.mark.parametrize(
    ("block", "changed"),
    [(b"\x82", False), (b"\x04\x01/", False), (b"\x44\x01/", True), (b"\x3f\xe1\x1f", False), (b"\x20", True)],
    ids=["indexed", "not entered", "entered", "the size it has", "another size"],
)
def test_changes_of_the_table_are_told(make: Make, block: bytes, changed: bool) -> None:
    decoder = make()
    decoder.decode(block)
    assert decoder.changed is changed
    decoder.decode(b"\x82")
    assert not decoder.changed
