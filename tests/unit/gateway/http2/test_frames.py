"""Frames as bytes: what RFC 9113 section 6 draws."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from tests.unit.gateway.http2.peers import Frame, parsed


def test_every_frame_we_build_reads_back_as_its_parts() -> None:
    assert parsed(frames.settings([(4, 65_536), (3, 7)])) == [
        Frame(frames.SETTINGS, 0, 0, b"\0\4\0\1\0\0\0\3\0\0\0\7"),
    ]
    assert parsed(frames.SETTINGS_ACK) == [Frame(frames.SETTINGS, frames.ACK, 0, b"")]
    assert parsed(frames.window_update(3, 70_000)) == [Frame(frames.WINDOW_UPDATE, 0, 3, (70_000).to_bytes(4, "big"))]
    assert parsed(frames.rst_stream(5, ErrorCode.CANCEL)) == [Frame(frames.RST_STREAM, 0, 5, b"\0\0\0\x08")]
    assert parsed(frames.ping(b"12345678")) == [Frame(frames.PING, 0, 0, b"12345678")]
    assert parsed(frames.ping_ack(b"12345678")) == [Frame(frames.PING, frames.ACK, 0, b"12345678")]


def test_a_goaway_says_the_last_stream_the_code_and_at_most_256_bytes_of_words() -> None:
    (said,) = parsed(frames.goaway(7, ErrorCode.ENHANCE_YOUR_CALM, "w" * 1000))
    assert said.payload == b"\0\0\0\7\0\0\0\x0b" + b"w" * 256
    assert said.code == ErrorCode.ENHANCE_YOUR_CALM
    assert said.stream_id == 0


def test_the_length_of_a_frame_has_24_bits() -> None:
    assert frames.opening(0x123456, frames.DATA, 1) == b"\x12\x34\x56\0\1"


def test_a_block_that_fits_is_one_frame() -> None:
    (only,) = parsed(frames.header_frames(b"\0\0\0\1", b"b" * 10, frames.END_STREAM, 10))
    assert only == Frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, b"b" * 10)


def test_a_larger_block_goes_on_in_continuations_and_only_the_last_ends_it() -> None:
    block = bytes(range(25))
    first, second, third = parsed(frames.header_frames(b"\0\0\0\1", block, frames.END_STREAM, 10))
    assert (first.kind, first.flags) == (frames.HEADERS, frames.END_STREAM)
    assert (second.kind, second.flags) == (frames.CONTINUATION, 0)
    assert (third.kind, third.flags) == (frames.CONTINUATION, frames.END_HEADERS)
    assert first.payload + second.payload + third.payload == block


def test_a_block_of_whole_frames_leaves_no_empty_one_behind() -> None:
    first, second = parsed(frames.header_frames(b"\0\0\0\1", b"b" * 20, 0, 10))
    assert (len(first.payload), len(second.payload), second.flags) == (10, 10, frames.END_HEADERS)
