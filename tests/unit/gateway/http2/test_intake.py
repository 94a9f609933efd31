"""DATA taken in: one-message short cut, pieces, what is counted as held, and the windows of streams."""

from __future__ import annotations

import gzip

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ErrorCode, StreamFault
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.intake import Intake
from gateway.http2.messages import MessageRefused
from gateway.http2.outbox import Outbox
from gateway.http2.stream import Stream
from gateway.http2.windows import SAMPLE
from tests.unit.gateway.http2.peers import Frame, parsed, prefixed

WINDOW = 100_000


class Room:
    """An intake with an outbox; streams are made at will."""

    def __init__(self, limit_bytes: int = 10**9, **bounds: int) -> None:
        self.outbox = Outbox(10, lambda stream: None)
        self.buffers = Buffers(limit_bytes)
        wanted = Bounds(**{"window_bytes": WINDOW, **bounds})
        self.intake = Intake(wanted, self.buffers, self.outbox)

    def stream(self, number: int = 1) -> Stream:
        return Stream(number, self.intake.windows.stream_bytes, 65_535, 0)

    def pieces(self, stream: Stream, data: bytes, encoding: str = "identity") -> list[bytes]:
        return self.intake.pieces(stream, data, 0, len(data), encoding)

    def heard(self) -> list[Frame]:
        return parsed(b"".join(self.outbox.take()[0]))


def test_one_whole_message_is_taken_out_of_the_middle_of_a_read() -> None:
    room, stream = Room(), Room().stream()
    read = b"before" + prefixed(b"message") + b"after"
    assert room.intake.whole(stream, read, 6, len(read) - 5)
    assert stream.message == b"message"
    assert stream.held_bytes == room.intake.held_bytes == room.buffers.held_bytes == 7


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        prefixed(b"message")[:-1],
        prefixed(b"message") + b"m",
        b"\1" + prefixed(b"message")[1:],
        b"\0" * 6,
    ],
)
def test_anything_else_is_left_to_the_pieces(data: bytes) -> None:
    room, stream = Room(), Room().stream()
    assert not room.intake.whole(stream, data, 0, len(data))
    assert (stream.message, room.intake.held_bytes) == (None, 0)


def test_a_second_message_and_one_that_goes_on_are_left_to_the_pieces() -> None:
    room = Room()
    second, begun = room.stream(), room.stream(3)
    assert room.intake.whole(second, prefixed(b"one"), 0, 8)
    assert not room.intake.whole(second, prefixed(b"two"), 0, 8)
    room.pieces(begun, prefixed(b"message")[:3])
    assert not room.intake.whole(begun, prefixed(b"message"), 0, 12)


def test_the_short_cut_knows_the_bound_of_a_message() -> None:
    room = Room(max_message_bytes=7)
    assert room.intake.whole(room.stream(), prefixed(b"message"), 0, 12)
    assert not room.intake.whole(room.stream(), prefixed(b"messages"), 0, 13)


def test_what_came_is_held_until_the_stream_ends() -> None:
    room = Room()
    first, second = room.stream(1), room.stream(3)
    room.pieces(first, prefixed(bytes(100))[:50])
    room.pieces(second, prefixed(b"message"))
    assert (first.held_bytes, second.held_bytes, room.buffers.held_bytes) == (50, 12, 62)
    room.intake.release(first)
    assert (first.held_bytes, room.intake.held_bytes, room.buffers.held_bytes) == (0, 12, 12)
    room.intake.release(second)
    room.intake.release(second)
    assert (room.intake.held_bytes, room.buffers.held_bytes) == (0, 0)


def test_a_decompressed_message_is_held_at_its_true_size() -> None:
    room = Room()
    body, stream = gzip.compress(bytes(50_000)), room.stream()
    assert room.pieces(stream, b"\1" + len(body).to_bytes(4, "big") + body, "gzip") == [bytes(50_000)]
    assert stream.held_bytes == room.buffers.held_bytes == 50_000


@pytest.mark.parametrize(
    "bounds", [{"max_stream_bytes": 1000}, {"max_connection_bytes": 1000}, {"limit_bytes": 1000}], ids=str
)
def test_bytes_up_to_each_bound_are_held_and_one_more_is_refused(bounds: dict[str, int]) -> None:
    room = Room(**bounds)
    stream = room.stream()
    room.intake.hold(stream, 1000)
    assert room.buffers.refused == 0
    with pytest.raises(MessageRefused, match="try again later") as caught:
        room.intake.hold(stream, 1)
    assert caught.value.code == RESOURCE_EXHAUSTED
    assert room.buffers.refused == 1
    room.intake.release(stream)
    assert room.buffers.held_bytes == 0


def test_a_bomb_within_the_message_bound_is_refused_by_the_budget() -> None:
    room = Room(limit_bytes=10_000)
    body, stream = gzip.compress(bytes(20_000)), room.stream()
    with pytest.raises(MessageRefused, match="try again later"):
        room.pieces(stream, b"\1" + len(body).to_bytes(4, "big") + body, "gzip")
    room.intake.release(stream)
    assert room.buffers.held_bytes == 0


def test_two_connections_share_the_budget_of_their_process() -> None:
    room = Room(limit_bytes=1000)
    other = Intake(Bounds(), room.buffers, room.outbox)
    room.intake.hold(room.stream(), 600)
    with pytest.raises(MessageRefused):
        other.hold(room.stream(), 401)


def test_a_message_beyond_the_window_has_the_round_trip_measured_once() -> None:
    room = Room()
    room.pieces(room.stream(1), prefixed(bytes(WINDOW))[:50])
    assert room.heard() == []
    room.pieces(room.stream(3), prefixed(bytes(WINDOW + 1))[:50])
    room.pieces(room.stream(5), prefixed(bytes(WINDOW + 1))[:50])
    assert room.heard() == [Frame(frames.PING, 0, 0, SAMPLE)]


def test_a_streams_window_is_refilled_beyond_half() -> None:
    room = Room()
    stream = room.stream(3)
    room.intake.window(stream, WINDOW // 2, ends=False)
    assert room.heard() == []
    room.intake.window(stream, 1, ends=False)
    assert room.heard() == [Frame(frames.WINDOW_UPDATE, 0, 3, (WINDOW // 2 + 1).to_bytes(4, "big"))]
    assert stream.receive_window == WINDOW


def test_a_stream_that_ends_needs_no_update() -> None:
    room = Room()
    room.intake.window(room.stream(), WINDOW, ends=True)
    assert room.heard() == []


@pytest.mark.parametrize("ends", [False, True])
def test_one_byte_beyond_the_window_is_a_fault(ends: bool) -> None:
    room = Room()
    with pytest.raises(StreamFault) as caught:
        room.intake.window(room.stream(), WINDOW + 1, ends)
    assert caught.value.code is ErrorCode.FLOW_CONTROL_ERROR
