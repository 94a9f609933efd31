"""The header blocks of our responses, as their reader sees them."""

from __future__ import annotations

import pytest

from gateway.http2.heads import Metadata, response_head
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.responses import OK_TRAILERS, head_block, refusal_block, tail_block, wired
from gateway.http2.stream import HeaderBlock

METADATA: Metadata = (("tidegate-arm", "b"), ("trace-bin", b"\0\xff"), ("trace-bin", b""))


def _fields(block: HeaderBlock) -> list[tuple[str, str]]:
    return OwnDecoder().decode(block.data)


def test_the_head_of_a_good_response() -> None:
    assert _fields(head_block(METADATA)) == [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-accept-encoding", "identity,deflate,gzip"),
        ("tidegate-arm", "b"),
        ("trace-bin", "AP8"),
        ("trace-bin", ""),
    ]
    assert response_head(_fields(head_block(METADATA))).metadata == METADATA


def test_equal_heads_are_made_once() -> None:
    assert head_block(METADATA) is head_block(tuple(METADATA))


def test_trailers_say_the_status_and_words_only_when_there_are_some() -> None:
    assert _fields(OK_TRAILERS) == [("grpc-status", "0")]
    assert _fields(tail_block(9, "no\n", (("k", "v"),), alone=False)) == [
        ("grpc-status", "9"),
        ("grpc-message", "no%0A"),
        ("k", "v"),
    ]


def test_trailers_that_are_all_of_a_response_bear_its_head() -> None:
    assert _fields(tail_block(5, "", (), alone=True)) == [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "5"),
        ("grpc-accept-encoding", "identity,deflate,gzip"),
    ]


def test_who_spoke_no_grpc_gets_no_grpc_status() -> None:
    assert _fields(refusal_block(405, None, "words")) == [(":status", "405"), ("content-type", "text/plain")]
    assert dict(_fields(refusal_block(200, 13, "words")))["grpc-message"] == "words"


def test_binary_values_travel_in_base64() -> None:
    assert wired(METADATA) == [("tidegate-arm", "b"), ("trace-bin", "AP8"), ("trace-bin", "")]


@pytest.mark.parametrize(("size", "fits"), [(16_384, True), (16_385, False)])
def test_a_block_knows_whether_every_peer_takes_it_in_one_frame(size: int, fits: bool) -> None:
    block = HeaderBlock(bytes(size))
    assert block.fits is fits
    assert block.opening == size.to_bytes(3, "big") + b"\1\4"
    assert block.last_opening == size.to_bytes(3, "big") + b"\1\5"
