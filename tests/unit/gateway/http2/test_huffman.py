"""Unit tests for Huffman strings: equal to the hpack library for every string, right or wrong."""

from __future__ import annotations

import pytest
from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.http2 import huffman
from gateway.http2.errors import ConnectionFault, ErrorCode

_ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

_LIKELY = st.text(alphabet="0123456789abcdef-/.:{}|~;&X \\\0\xe9", max_size=80).map(lambda text: text.encode("latin-1"))


def _bits(text: str) -> bytes:
    bits = text.replace(" ", "")
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 30])
def test_every_symbol_is_decoded_in_short_and_long_strings(count: int) -> None:
    for symbol in range(256):
        text = bytes((symbol,)) * count
        assert huffman.decode(_ENCODER.encode(text)) == text.decode("latin-1")


@settings(max_examples=60, deadline=None)
@given(st.one_of(_LIKELY, st.binary(max_size=60)))
def test_what_the_library_encodes_is_decoded(text: bytes) -> None:
    assert huffman.decode(_ENCODER.encode(text)) == text.decode("latin-1")


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.tuples(_LIKELY.map(_ENCODER.encode), st.binary(max_size=2)).map(b"".join)))
@example(b"\xff" * 12)
@example(b"\x00" * 12 + b"\xff")
def test_any_bytes_mean_what_they_mean_to_the_library(data: bytes) -> None:
    try:
        wanted = decode_huffman(data).decode("latin-1")
    except HPACKDecodingError:
        with pytest.raises(ConnectionFault) as caught:
            huffman.decode(data)
        assert caught.value.code is ErrorCode.COMPRESSION_ERROR
    else:
        assert huffman.decode(data) == wanted


@pytest.mark.parametrize("padding", range(8))
@pytest.mark.parametrize("zeros", [1, 40], ids=["short", "long"])
def test_up_to_seven_ones_are_padding(padding: int, zeros: int) -> None:
    zeros += (zeros + padding) % 2  # "0" is 00000 and "3" is 011001: the number of bits must come out even first
    threes = next(count for count in range(8) if (5 * zeros + 6 * count + padding) % 8 == 0)
    text = huffman.decode(_bits("00000" * zeros + "011001" * threes + "1" * padding))
    assert text == "0" * zeros + "3" * threes


@pytest.mark.parametrize("before", ["", "00000" * 40], ids=["short", "long"])
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("1" * 8, id="eight ones"),
        pytest.param("1" * 16, id="sixteen ones"),
        pytest.param("00000 000", id="padding of zeros"),
        pytest.param("00000 110", id="a zero in the padding"),
        pytest.param("00000" * 4 + "0000", id="a code of which one bit is missing"),
        pytest.param("1" * 30 + "11", id="the end-of-string symbol"),
        pytest.param("00000" * 8 + "1" * 30 + "00", id="the end-of-string symbol inside"),
    ],
)
def test_wrong_endings_are_a_compression_error(before: str, ending: str) -> None:
    with pytest.raises(ConnectionFault) as caught:
        huffman.decode(_bits(before + ending))
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR
