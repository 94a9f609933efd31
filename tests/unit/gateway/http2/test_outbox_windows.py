"""What the outbox holds back: for the windows of streams and connection, and for a socket that takes nothing."""

from __future__ import annotations

import pytest

from gateway.http2 import frames
from gateway.http2.errors import ErrorCode, StreamFault
from tests.unit.gateway.http2.outbox_room import HEAD, LAST, TAIL, WIDE, Room, data_of
from tests.unit.gateway.http2.peers import Frame, prefixed


def test_the_streams_window_stops_it_and_an_update_lets_it_go_on() -> None:
    room = Room()
    stream = room.queued(1, b"0123456789", window=8)
    assert data_of(room.heard(), 1) == prefixed(b"0123456789")[:8]
    pending = [room.outbox.pending]
    room.outbox.opened(stream, 100)
    assert [*pending, room.outbox.pending] == [False, True]
    assert data_of(room.heard(), 1) == b"3456789"
    assert room.ended == [1]


def test_the_connections_window_stops_all() -> None:
    room = Room()
    room.outbox.window = 8
    first, second = room.queued(1, b"0123456789"), room.queued(3, b"0123456789")
    assert sum(len(each.payload) for each in room.heard()) == 8
    assert not room.outbox.pending
    room.outbox.window = 1000
    room.heard()
    assert set(room.ended) == {first.id, second.id}


def test_trailers_know_no_window_and_wait_for_no_other_streamsdata_of() -> None:
    room = Room()
    room.outbox.window = 0
    room.queued(1, b"message")
    room.outbox.queue(room.stream(3), None, TAIL, ends=True)
    assert room.heard() == [Frame(frames.HEADERS, LAST, 3, b"tail")]


def test_a_large_request_ends_with_its_last_frame_ofdata_of() -> None:
    room = Room()
    room.outbox.queue(room.stream(), bytes(20_000), None, ends=True)
    assert [each.flags for each in room.heard()] == [0, frames.END_STREAM]
    assert room.ended == [1]


def test_a_body_that_is_no_grpc_message_has_no_prefix() -> None:
    room = Room()
    room.outbox.queue(room.stream(), b"words", None, ends=True, framed=False)
    assert room.heard() == [Frame(frames.DATA, frames.END_STREAM, 1, b"words")]


def test_a_stream_with_nothing_left_is_passed_over() -> None:
    room = Room()
    room.outbox._ready[1] = room.stream()
    room.queued(3, b"message")
    assert {each.stream_id for each in room.heard()} == {3}


def test_trailers_come_after_the_messages_before_them() -> None:
    room = Room()
    stream = room.stream(1, window=0)
    room.outbox.queue(stream, b"one", None, ends=False)
    room.outbox.queue(stream, b"two", None, ends=False)
    room.outbox.queue(stream, None, TAIL, ends=True)
    assert room.heard() == []
    room.outbox.opened(stream, 100)
    found = room.heard()
    assert data_of(found, 1) == prefixed(b"one") + prefixed(b"two")
    assert found[-1].kind == frames.HEADERS


def test_a_window_lowered_below_nothing_holds_a_stream_back_until_it_is_positive() -> None:
    room = Room()
    stream = room.queued(1, b"0123456789")
    room.outbox.opened(stream, -WIDE - 5)
    assert room.heard() == []
    room.outbox.opened(stream, 5)
    assert room.heard() == []
    room.outbox.opened(stream, 1)
    assert len(data_of(room.heard(), 1)) == 1


def test_a_streams_window_grows_to_31_bits_and_no_further() -> None:
    room = Room()
    stream = room.stream(1, window=1)
    room.outbox.opened(stream, 2**31 - 2)
    with pytest.raises(StreamFault) as caught:
        room.outbox.opened(stream, 1)
    assert caught.value.code is ErrorCode.FLOW_CONTROL_ERROR


def test_a_stream_that_was_reset_sends_nothing_more() -> None:
    room = Room()
    stream = room.queued(1, b"message")
    room.outbox.forget(stream)
    assert not room.outbox.pending
    assert room.heard() == []


def test_nothing_leaves_while_the_socket_takes_nothing_and_all_of_it_after() -> None:
    room = Room()
    room.outbox.writable = False
    room.outbox.control(b"ping")
    room.queued(1, b"message")
    assert room.outbox.take() == ([], False)
    room.outbox.writable = True
    assert b"".join(room.outbox.take()[0]).startswith(b"ping")


def test_answers_that_nobody_reads_are_counted_up_to_the_bound() -> None:
    room = Room(max_unsent=3)
    room.outbox.control(b"while the socket takes bytes, none is counted")
    room.outbox.writable = False
    room.outbox.control(b"one")
    room.outbox.headers(room.stream(), TAIL, last=True)
    room.outbox.headers(room.stream(), HEAD, last=False)
    room.outbox.take()
    room.outbox.control(b"three")
    overfull = [room.outbox.overfull]
    room.outbox.control(b"four")
    overfull.append(room.outbox.overfull)
    room.outbox.writable = True
    room.outbox.take()
    assert [*overfull, room.outbox.overfull] == [False, True, False]


def test_it_knows_how_much_data_moved() -> None:
    room = Room()
    room.queued(1, bytes(1000))
    room.outbox.take()
    assert room.outbox.moved == 1005
