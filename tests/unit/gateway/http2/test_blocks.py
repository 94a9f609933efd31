"""Header blocks out of frames: padding, priorities, continuations and their bounds."""

from __future__ import annotations

import pytest

from gateway.http2 import frames
from gateway.http2.blocks import HeaderBlocks, priority_of, unpadded
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault

END, PADDED, PRIORITISED = frames.END_HEADERS, frames.PADDED, frames.PRIORITISED


def _code(payload: bytes, flags: int, stream_id: int = 1) -> ErrorCode:
    with pytest.raises(ConnectionFault) as caught:
        HeaderBlocks(100, 2).begin(stream_id, payload, flags)
    return caught.value.code


def test_padding_and_priority_are_no_part_of_a_block() -> None:
    blocks = HeaderBlocks(100, 2)
    assert blocks.begin(1, b"block", END) == (b"block", END)
    assert blocks.begin(1, b"\2block\0\0", END | PADDED) == (b"block", END | PADDED)
    assert blocks.begin(1, b"\0\0\0\3\7block", END | PRIORITISED) == (b"block", END | PRIORITISED)
    both = END | PADDED | PRIORITISED
    assert blocks.begin(1, b"\1\x80\0\0\3\7block\0", both) == (b"block", both)


def test_a_block_may_be_all_padding() -> None:
    assert HeaderBlocks(100, 2).begin(1, b"\2\0\0", END | PADDED) == (b"", END | PADDED)


def test_padding_longer_than_its_frame_is_a_protocol_error() -> None:
    assert _code(b"\3\0\0", END | PADDED) is ErrorCode.PROTOCOL_ERROR
    assert _code(b"\1\0\0\0\0\0", END | PADDED | PRIORITISED) is ErrorCode.PROTOCOL_ERROR


def test_a_frame_too_short_for_its_fixed_part_has_the_wrong_size() -> None:
    assert _code(b"", END | PADDED) is ErrorCode.FRAME_SIZE_ERROR
    assert _code(b"\0\0\0\0", END | PRIORITISED) is ErrorCode.FRAME_SIZE_ERROR


def test_a_block_that_depends_on_its_own_stream_ends_the_connection() -> None:
    assert _code(b"\0\0\0\5\7block", END | PRIORITISED, stream_id=5) is ErrorCode.PROTOCOL_ERROR
    assert _code(b"\x80\0\0\5\7block", END | PRIORITISED, stream_id=5) is ErrorCode.PROTOCOL_ERROR


def test_continuations_are_joined_and_the_first_frames_flags_kept() -> None:
    blocks = HeaderBlocks(100, 2)
    assert blocks.begin(3, b"one", frames.END_STREAM) is None
    assert blocks.stream_id == 3
    assert blocks.go_on(3, b"two", 0) is None
    assert blocks.go_on(3, b"three", END) == (b"onetwothree", frames.END_STREAM)
    assert blocks.stream_id == 0


@pytest.mark.parametrize("stream_id", [0, 1, 5])
def test_a_continuation_must_go_on_with_the_block_that_began(stream_id: int) -> None:
    blocks = HeaderBlocks(100, 2)
    if stream_id:
        blocks.begin(3, b"one", 0)
    with pytest.raises(ConnectionFault, match="without its HEADERS") as caught:
        blocks.go_on(stream_id, b"two", END)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


def test_as_many_continuations_as_the_bound_says_and_no_more() -> None:
    blocks = HeaderBlocks(100, 2)
    blocks.begin(1, b"", 0)
    blocks.go_on(1, b"", 0)
    blocks.go_on(1, b"", 0)
    with pytest.raises(ConnectionFault, match="in 4 frames") as caught:
        blocks.go_on(1, b"", END)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_as_many_bytes_as_the_bound_says_and_no_more() -> None:
    blocks = HeaderBlocks(100, 2)
    blocks.begin(1, b"b" * 60, 0)
    assert blocks.go_on(1, b"b" * 40, END) == (b"b" * 100, 0)
    blocks.begin(1, b"b" * 60, 0)
    with pytest.raises(ConnectionFault, match="101 bytes"):
        blocks.go_on(1, b"b" * 41, END)


def test_data_is_unpadded_by_the_same_rule() -> None:
    assert unpadded(b"\1data\0", PADDED, 0) == (1, 5)
    assert unpadded(b"data", 0, 0) == (0, 4)


def test_a_priority_is_read_for_its_faults_only() -> None:
    priority_of(3, b"\0\0\0\1\7")
    with pytest.raises(ConnectionFault, match="stream 0"):
        priority_of(0, b"\0\0\0\1\7")
    with pytest.raises(StreamFault, match="4 bytes") as caught:
        priority_of(3, b"\0\0\0\1")
    assert caught.value.code is ErrorCode.FRAME_SIZE_ERROR
    with pytest.raises(StreamFault, match="depends on itself"):
        priority_of(3, b"\x80\0\0\3\7")
