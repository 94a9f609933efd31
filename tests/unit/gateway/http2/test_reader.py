"""Frames out of bytes, however the bytes come; frames that are too large or come at the wrong time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.reader import Data, FrameReader
from tests.unit.gateway.http2.peers import frame

BOUNDS = Bounds(frame_bytes=20_000, max_header_list_bytes=1000)


class Notes:
    """Writes down what a reader tells; DATA of one frame is put together again."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.coming = b""
        self.flow = 0

    def data(self, data: Data, start: int, stop: int, stream_id: int, flags: int, flow: int, now_us: int) -> None:
        self.coming += data[start:stop]
        self.flow += flow
        if flags & frames.END_STREAM:
            self.told.append(("data", stream_id, self.coming, self.flow))
            self.coming, self.flow = b"", 0

    def block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        self.told.append(("block", stream_id, block, ends))

    def control(self, kind: int, flags: int, stream_id: int, payload: bytes, now_us: int) -> None:
        self.told.append((kind, flags, stream_id, payload))


def _read(*parts: bytes) -> list[tuple[object, ...]]:
    notes = Notes()
    reader = FrameReader(BOUNDS, notes)
    for part in parts:
        reader.read(part, 0)
    return notes.told


def _code(*parts: bytes) -> ErrorCode:
    with pytest.raises(ConnectionFault) as caught:
        _read(*parts)
    return caught.value.code


STORY = b"".join(
    (
        frame(frames.HEADERS, frames.END_HEADERS, 1, b"block"),
        frame(frames.DATA, frames.END_STREAM, 1, b"d" * 30),
        frame(frames.HEADERS, frames.PADDED | frames.END_STREAM, 3, b"\1cut \0"),
        frame(frames.CONTINUATION, 0, 3, b"in "),
        frame(frames.CONTINUATION, frames.END_HEADERS, 3, b"three"),
        frame(frames.DATA, frames.END_STREAM | frames.PADDED, 5, b"\2padded\0\0"),
        frame(frames.PING, 0, 0, b"12345678"),
        frame(frames.DATA, frames.END_STREAM, 7),
        frame(0xEE, 0xFF, 9, b"unknown"),
        frame(frames.HEADERS, frames.END_HEADERS | frames.PRIORITISED, 9, b"\0\0\0\1\0rest"),
    )
)
TOLD = [
    ("block", 1, b"block", 0),
    ("data", 1, b"d" * 30, 30),
    ("block", 3, b"cut in three", 1),
    ("data", 5, b"padded", 9),
    (frames.PING, 0, 0, b"12345678"),
    ("data", 7, b"", 0),
    (0xEE, 0xFF, 9, b"unknown"),
    ("block", 9, b"rest", 0),
]


def test_a_story_told_at_once() -> None:
    assert _read(STORY) == TOLD


def test_a_story_told_byte_by_byte() -> None:
    assert _read(*(STORY[at : at + 1] for at in range(len(STORY)))) == TOLD


@given(st.lists(st.integers(0, len(STORY)), max_size=12))
def test_a_story_told_in_any_pieces(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STORY)]
    assert _read(*(STORY[start:stop] for start, stop in pairwise(edges) if start < stop)) == TOLD


def test_the_reserved_bit_of_a_stream_is_ignored() -> None:
    assert _read(b"\0\0\0\xee\0\x80\0\0\5") == [(0xEE, 0, 5, b"")]


def test_data_of_the_frame_size_is_taken_and_one_byte_more_is_not() -> None:
    assert _read(frame(frames.DATA, frames.END_STREAM, 1, bytes(20_000))) == [("data", 1, bytes(20_000), 20_000)]
    assert _code(frames.opening(20_001, frames.DATA, 0) + b"\0\0\0\1") is ErrorCode.FRAME_SIZE_ERROR


def test_other_frames_are_bounded_by_the_size_of_a_header_block() -> None:
    assert _read(frame(frames.HEADERS, frames.END_HEADERS, 1, bytes(65_536))) == [("block", 1, bytes(65_536), 0)]
    for kind in (frames.HEADERS, frames.SETTINGS, frames.GOAWAY, 0xEE):
        assert _code(frames.opening(65_537, kind, 0) + b"\0\0\0\1") is ErrorCode.FRAME_SIZE_ERROR


@pytest.mark.parametrize("kind", [frames.DATA, frames.HEADERS, frames.PING, frames.RST_STREAM, 0xEE])
def test_nothing_may_come_between_a_header_blocks_frames(kind: int) -> None:
    said = frame(frames.HEADERS, 0, 1, b"cut") + frame(kind, frames.END_HEADERS, 1)
    assert _code(said) is ErrorCode.PROTOCOL_ERROR


def test_a_block_is_never_handed_on_in_part() -> None:
    assert _read(frame(frames.HEADERS, 0, 1, b"cut")) == []


@given(st.integers(0, 255), st.integers(0, 400), st.lists(st.integers(0, 700), max_size=6))
def test_a_padded_frame_is_handed_on_as_it_comes_without_its_padding(pad: int, size: int, cuts: list[int]) -> None:
    payload = bytes((pad,)) + b"d" * size + bytes(pad)
    said = frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, payload) + frame(frames.PING, 0, 0, b"12345678")
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    told = _read(*(said[start:stop] for start, stop in pairwise(edges) if start < stop))
    assert told == [("data", 1, b"d" * size, len(payload)), (frames.PING, 0, 0, b"12345678")]


def test_nothing_of_a_large_padded_frame_is_kept_for_later() -> None:
    reader = FrameReader(BOUNDS, Notes())
    said = frame(frames.DATA, frames.PADDED, 1, bytes(20_000))
    reader.read(said[:15_000], 0)
    assert reader._rest == b""


def test_padding_that_is_longer_than_its_frame_is_seen_before_the_frame_is_whole() -> None:
    said = frame(frames.DATA, frames.PADDED, 1, b"\5dddd")
    assert _code(said[:-1]) is ErrorCode.PROTOCOL_ERROR
    assert _code(said) is ErrorCode.PROTOCOL_ERROR
