"""Messages out of DATA: any cutting, both ends of the bound, compressed ones and what only looks so."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2.grpc_fields import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED
from gateway.http2.messages import Assembler, Inflater, MessageRefused, decompress, prefixed_length
from tests.unit.gateway.http2.peers import prefixed


def _compressed(body: bytes) -> bytes:
    return b"\1" + len(body).to_bytes(4, "big") + body


def _feed(assembler: Assembler, data: bytes) -> list[bytes]:
    return assembler.feed(memoryview(data))


@given(st.lists(st.binary(max_size=40), max_size=5), st.lists(st.integers(0, 250), max_size=8))
def test_messages_come_out_whole_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(prefixed, messages))
    assembler, found = Assembler(40, "identity", Inflater(1000)), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, stop in pairwise(edges):
        found += _feed(assembler, stream[start:stop])
    assert found == messages
    assert assembler.between_messages
    assert assembler.held_bytes == 0


def test_what_is_held_of_a_message_is_counted_and_its_length_known() -> None:
    assembler = Assembler(100, "identity", Inflater(1000))
    assert _feed(assembler, prefixed(b"m" * 100)[:3]) == []
    assert not assembler.between_messages
    assert _feed(assembler, prefixed(b"m" * 100)[3:60]) == []
    assert (assembler.held_bytes, assembler.wanted_bytes) == (55, 100)


def test_a_message_of_the_bound_is_taken_and_one_byte_more_is_refused_by_its_prefix() -> None:
    assert _feed(Assembler(100, "identity", Inflater(1000)), prefixed(b"m" * 100)) == [b"m" * 100]
    with pytest.raises(MessageRefused, match=r"Received message larger than max \(101 vs. 100\)") as caught:
        _feed(Assembler(100, "identity", Inflater(1000)), prefixed_length(101))
    assert caught.value.code == RESOURCE_EXHAUSTED


def test_a_first_byte_that_is_neither_0_nor_1_is_refused() -> None:
    with pytest.raises(MessageRefused, match="first byte is 2") as caught:
        _feed(Assembler(100, "identity", Inflater(1000)), b"\2\0\0\0\0")
    assert caught.value.code == INTERNAL


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(b"plain")), ("deflate", zlib.compress(b"plain"))]
)
def test_gzip_and_deflate_are_undone(encoding: str, body: bytes) -> None:
    assembler = Assembler(100, encoding, Inflater(1000))
    assert _feed(assembler, _compressed(body) + prefixed(b"as it is")) == [b"plain", b"as it is"]


def test_a_bomb_is_refused_once_it_is_larger_than_the_bound_and_what_just_fits_is_not() -> None:
    assert decompress(gzip.compress(bytes(1000)), "gzip", 1000) == bytes(1000)
    with pytest.raises(MessageRefused, match=r"\(1001 vs. 1000\)") as caught:
        decompress(gzip.compress(bytes(10_000_000)), "gzip", 1000)
    assert caught.value.code == RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("encoding", "body", "code", "words"),
    [
        ("snappy", b"", UNIMPLEMENTED, "compressed by 'snappy'; known are identity, deflate, gzip"),
        ("identity", b"", INTERNAL, "compressed by 'identity'"),
        ("gzip", b"no gzip", INTERNAL, "can't be decompressed"),
        ("gzip", gzip.compress(b"plain")[:-1], INTERNAL, "no single whole gzip stream"),
        ("gzip", gzip.compress(b"plain") * 2, INTERNAL, "no single whole gzip stream"),
        ("deflate", gzip.compress(b"plain"), INTERNAL, "can't be decompressed"),
        ("gzip", b"", INTERNAL, "no single whole gzip stream"),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(encoding: str, body: bytes, code: int, words: str) -> None:
    with pytest.raises(MessageRefused, match=words) as caught:
        decompress(body, encoding, 100)
    assert caught.value.code == code


def test_a_strange_encodings_name_is_shown_in_part_only() -> None:
    with pytest.raises(MessageRefused) as caught:
        decompress(b"", "z" * 1000, 100)
    assert len(caught.value.reason) < 100


def test_what_one_read_may_decompress_is_bounded_and_a_refusal_takes_all_of_it() -> None:
    inflater, body = Inflater(1000), gzip.compress(bytes(600))
    assert inflater.inflate(body, "gzip", 10_000) == bytes(600)
    with pytest.raises(MessageRefused, match="too much to decompress at once") as caught:
        inflater.inflate(body, "gzip", 10_000)
    assert (caught.value.code, inflater.left_bytes) == (RESOURCE_EXHAUSTED, 0)
    with pytest.raises(MessageRefused, match="too much to decompress at once"):
        inflater.inflate(body, "gzip", 10_000)
    inflater.left_bytes = 1000
    with pytest.raises(MessageRefused, match=r"\(1001 vs. 1000\)"):
        inflater.inflate(gzip.compress(bytes(5000)), "gzip", 10_000)
