"""The peer's SETTINGS, brought to what they govern."""

from __future__ import annotations

import struct

import pytest

from gateway.http2 import frames
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.outbox import Outbox
from gateway.http2.settings import UNLIMITED, PeerSettings
from gateway.http2.stream import Stream


class Room:
    """Settings over an outbox with two streams."""

    def __init__(self) -> None:
        self.outbox = Outbox(10, lambda stream: None)
        self.settings = PeerSettings(self.outbox)
        self.streams = [Stream(number, 0, self.outbox.initial_window, 0) for number in (1, 3)]

    def take(self, *pairs: tuple[int, int]) -> None:
        self.settings.take(b"".join(struct.pack(">HL", *pair) for pair in pairs), self.streams)


def test_before_they_come_the_peer_is_as_rfc_9113_says() -> None:
    room = Room()
    assert not room.settings.came
    assert (room.settings.max_streams, room.outbox.frame_bytes, room.outbox.initial_window) == (
        UNLIMITED,
        16_384,
        65_535,
    )


def test_empty_ones_came_too() -> None:
    room = Room()
    room.take()
    assert room.settings.came


def test_each_governs_its_own() -> None:
    room = Room()
    room.take((frames.MAX_CONCURRENT_STREAMS, 7), (frames.MAX_FRAME_SIZE, 20_000), (frames.ENABLE_PUSH, 1), (0xEE, 9))
    assert (room.settings.max_streams, room.outbox.frame_bytes) == (7, 20_000)


def test_a_window_moves_the_open_streams_by_the_difference_even_below_nothing() -> None:
    room = Room()
    room.streams[0].send_window = 5
    room.take((frames.INITIAL_WINDOW_SIZE, 65_535 - 100))
    assert [stream.send_window for stream in room.streams] == [-95, 65_435]
    room.take((frames.INITIAL_WINDOW_SIZE, 65_535))
    assert [stream.send_window for stream in room.streams] == [5, 65_535]


def test_the_last_of_several_windows_in_one_frame_counts() -> None:
    room = Room()
    room.take((frames.INITIAL_WINDOW_SIZE, 0), (frames.INITIAL_WINDOW_SIZE, 100))
    assert room.outbox.initial_window == 100
    assert [stream.send_window for stream in room.streams] == [100, 100]


def test_a_frame_full_of_windows_costs_one_turn_of_the_streams() -> None:
    room, turns = Room(), 0

    class Counted(list[Stream]):
        def __iter__(self):  # type: ignore[no-untyped-def]  # as list has it
            nonlocal turns
            turns += 1
            return super().__iter__()

    room.streams = Counted(room.streams)
    room.take(*((frames.INITIAL_WINDOW_SIZE, size) for size in range(2000)))
    assert turns == 1


def test_a_lowered_header_table_must_be_owned_up_to_by_the_next_block() -> None:
    room = Room()
    room.take((frames.HEADER_TABLE_SIZE, 4096))
    assert room.outbox.block_prefix == b""
    room.take((frames.HEADER_TABLE_SIZE, 4095))
    assert room.outbox.block_prefix == b"\x20"


@pytest.mark.parametrize(
    ("identifier", "value", "code"),
    [
        (frames.INITIAL_WINDOW_SIZE, 2**31, ErrorCode.FLOW_CONTROL_ERROR),
        (frames.MAX_FRAME_SIZE, 16_383, ErrorCode.PROTOCOL_ERROR),
        (frames.MAX_FRAME_SIZE, 2**24, ErrorCode.PROTOCOL_ERROR),
        (frames.ENABLE_PUSH, 2, ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_what_rfc_9113_forbids_ends_the_connection(identifier: int, value: int, code: ErrorCode) -> None:
    with pytest.raises(ConnectionFault) as caught:
        Room().take((identifier, value))
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("identifier", "value"),
    [(frames.INITIAL_WINDOW_SIZE, 2**31 - 1), (frames.MAX_FRAME_SIZE, 16_384), (frames.MAX_FRAME_SIZE, 2**24 - 1)],
)
def test_what_it_just_allows_is_taken(identifier: int, value: int) -> None:
    Room().take((identifier, value))


def test_a_window_that_grows_beyond_31_bits_by_it_ends_the_connection() -> None:
    room = Room()
    room.streams[0].send_window = 2**31 - 1
    with pytest.raises(ConnectionFault, match="beyond") as caught:
        room.take((frames.INITIAL_WINDOW_SIZE, 65_536))
    assert caught.value.code is ErrorCode.FLOW_CONTROL_ERROR
