"""What is sent, in which order, within which windows, and what collects when nobody reads."""

from __future__ import annotations

from itertools import groupby

import pytest

from gateway.http2 import frames
from gateway.http2.outbox import QUANTUM_BYTES, SLICE_BYTES
from gateway.http2.stream import HeaderBlock
from tests.unit.gateway.http2.outbox_room import HEAD, HEADERS, LAST, TAIL, WIDE, Room, data_of
from tests.unit.gateway.http2.peers import Frame, parsed, prefixed


def test_a_small_response_leaves_whole_in_one_piece() -> None:
    room, stream = Room(), Room().stream()
    assert room.outbox.message(stream, HEAD, b"message", TAIL)
    chunks, bulky = room.outbox.take()
    assert (len(chunks), bulky) == (1, False)
    assert parsed(b"".join(chunks)) == [
        Frame(frames.HEADERS, HEADERS, 1, b"head"),
        Frame(frames.DATA, 0, 1, prefixed(b"message")),
        Frame(frames.HEADERS, LAST, 1, b"tail"),
    ]
    assert stream.local_done
    assert room.ended == [1]
    assert (room.outbox.window, stream.send_window) == (WIDE - 12, WIDE - 12)


def test_a_small_request_ends_with_itsdata_of() -> None:
    room = Room()
    assert room.outbox.message(room.stream(), HEAD, b"", None)
    assert room.heard()[1] == Frame(frames.DATA, frames.END_STREAM, 1, prefixed(b""))


def test_every_peer_takes_the_frame_of_a_small_message_and_larger_ones_wait() -> None:
    room = Room()
    assert room.outbox.message(room.stream(), HEAD, bytes(16_384 - 5), TAIL)
    assert not room.outbox.message(room.stream(), HEAD, bytes(16_384 - 4), TAIL)


@pytest.mark.parametrize("spoil", ["connection", "stream", "socket", "table", "head", "tail"])
def test_a_small_message_waits_when_anything_is_in_its_way(spoil: str) -> None:
    room = Room()
    stream = room.stream(1, 11 if spoil == "stream" else 12)
    room.outbox.window = 11 if spoil == "connection" else 12
    room.outbox.writable = spoil != "socket"
    room.outbox.block_prefix = b"\x20" if spoil == "table" else b""
    large = HeaderBlock(bytes(16_385))
    assert not room.outbox.message(
        stream, large if spoil == "head" else HEAD, b"message", large if spoil == "tail" else TAIL
    )
    if spoil != "tail":  # then it would have been let through
        assert room.outbox.window == (11 if spoil == "connection" else 12)


def test_the_first_block_after_the_peer_lowered_its_table_begins_with_a_size_update() -> None:
    room = Room()
    room.outbox.block_prefix = b"\x20"
    room.outbox.headers(room.stream(), HEAD, last=False)
    room.outbox.headers(room.stream(), TAIL, last=True)
    assert [each.payload for each in room.heard()] == [b"\x20head", b"tail"]


def test_a_large_block_goes_on_in_continuations() -> None:
    room = Room()
    room.outbox.headers(room.stream(), HeaderBlock(bytes(20_000)), last=True)
    assert [(each.kind, each.flags, len(each.payload)) for each in room.heard()] == [
        (frames.HEADERS, frames.END_STREAM, 16_384),
        (frames.CONTINUATION, frames.END_HEADERS, 20_000 - 16_384),
    ]


def test_a_message_in_pieces_leaves_as_one_message() -> None:
    room = Room()
    room.queued(1, (b"one", b"", b"two", bytes(20_000)))
    found = room.heard()
    assert data_of(found, 1) == prefixed(b"onetwo" + bytes(20_000))
    assert max(len(each.payload) for each in found) == 16_384
    assert found[-1] == Frame(frames.HEADERS, LAST, 1, b"tail")
    assert room.ended == [1]


def test_frames_are_as_large_as_the_peer_takes_them_and_a_slice_at_most() -> None:
    room = Room()
    room.outbox.frame_bytes = 2**24 - 1
    room.queued(1, bytes(SLICE_BYTES * 2))
    assert [len(each.payload) for each in room.heard()[:-1]] == [SLICE_BYTES, SLICE_BYTES, 5]


def test_a_large_message_is_bulky_and_not_copied() -> None:
    room, message = Room(), bytes(100_000)
    room.queued(1, message)
    chunks, bulky = room.outbox.take()
    assert bulky
    assert any(isinstance(chunk, memoryview) and chunk.obj is message for chunk in chunks)


def test_no_more_than_a_quantum_is_framed_at_a_time() -> None:
    room = Room()
    room.queued(1, bytes(3 * QUANTUM_BYTES))
    sizes = [sum(map(len, room.outbox.take()[0])) for _ in range(4)]
    assert all(QUANTUM_BYTES <= size < QUANTUM_BYTES * 1.1 for size in sizes[:3])
    assert room.ended == [1]
    assert not room.outbox.pending


def test_large_messages_take_turns_slice_by_slice() -> None:
    room = Room()
    for number in (1, 3, 5):
        room.queued(number, bytes(4 * SLICE_BYTES))
    told = [each.stream_id for each in room.heard() if each.kind == frames.DATA]
    order = [number for number, _ in groupby(told)]
    assert order[:7] == [1, 3, 5, 1, 3, 5, 1]


def test_a_small_message_goes_between_two_quanta_of_a_large_one() -> None:
    room = Room()
    room.queued(1, bytes(2 * QUANTUM_BYTES))
    room.outbox.take()
    assert room.outbox.message(room.stream(3), HEAD, b"small", TAIL)
    found = room.heard()
    assert found[0].stream_id == 3
    assert found[3].stream_id == 1
