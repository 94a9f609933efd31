"""Frames: written, cut out of any pieces of a stream, refused when too long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import frames
from benchmarks.frames import Splitter, WrongPeer, frame

FRAMES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=60)))


@settings(max_examples=50, deadline=None)
@given(sent=FRAMES, sizes=st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    sent: list[tuple[int, int, int, bytes]], sizes: list[int]
) -> None:
    stream, splitter, found, at = b"".join(frame(*one) for one in sent), Splitter(), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += splitter.split(stream[at : at + size])
        at += size
    assert found == sent


def test_a_frame_longer_than_allowed_is_refused() -> None:
    with pytest.raises(WrongPeer, match="a frame of 16385 bytes came"):
        Splitter().split(frame(frames.DATA, 0, 1, bytes(16385))[:9])


def test_a_message_is_cut_into_data_frames_of_which_only_the_last_ends_the_stream() -> None:
    message = bytes(range(256)) * 150  # 38,400 bytes
    found = Splitter().split(frames.data_frames(7, message))
    assert [(flags, stream, len(part)) for _, flags, stream, part in found] == [
        (0, 7, 16384),
        (0, 7, 16384),
        (1, 7, 5632),
    ]
    assert b"".join(part for *_, part in found) == message


def test_equal_parts_of_a_message_do_not_end_the_stream_early() -> None:
    found = Splitter().split(frames.data_frames(1, bytes(2 * 16384)))
    assert [flags for _, flags, _, _ in found] == [0, 1]


def test_padding_and_priority_are_no_content() -> None:
    assert frames.content(frames.PADDED, b"\x03abc\0\0\0") == b"abc"
    assert frames.content(frames.PADDED | frames.WITH_PRIORITY, b"\x01\0\0\0\0\x10abc\0") == b"abc"
    assert frames.content(0, b"abc") == b"abc"


def test_settings_are_read_as_written() -> None:
    [(kind, flags, stream, payload)] = Splitter().split(frames.settings(header_table_size=0, initial_window_size=99))
    assert (kind, flags, stream) == (frames.SETTINGS, 0, 0)
    assert frames.read_settings(payload) == {frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: 99}
