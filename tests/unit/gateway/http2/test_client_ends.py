"""Every other end of a call at the client: resets, GOAWAY, early answers, lost connections, no room."""

from __future__ import annotations

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import (
    CANCELLED,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
)
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.messages import MessageRefused
from gateway.http2.stream import Fate, HeaderBlock, Kind
from tests.unit.gateway.http2.peers import (
    OK,
    REQUEST,
    RESPONSE,
    RawServer,
    changed,
    data,
    frame,
    headers,
    prefixed,
    response,
)


@pytest.mark.parametrize(
    "said",
    [
        data(1, prefixed(b"pong")),
        headers(1, OK),
        headers(1, [(":status", "abc")]),
        headers(1, [*RESPONSE, (":path", "/")]),
        headers(1, [*RESPONSE, ("upgrade", "h2c")]),
        headers(1, RESPONSE) + headers(1, [("x", "y")]),
        headers(1, RESPONSE) + headers(1, RESPONSE, ends=True),
        headers(1, RESPONSE) + frames.window_update(1, 0),
    ],
)
def test_a_malformed_response_is_reset_and_its_call_fails(said: bytes) -> None:
    server = RawServer()
    server.call()
    server.heard()
    server.say(said)
    assert server.failure().code == INTERNAL
    (reset,) = server.heard()
    assert (reset.stream_id, reset.code) == (1, ErrorCode.PROTOCOL_ERROR)
    assert server.core.fault is None


@pytest.mark.parametrize(
    ("reset", "code", "fate"),
    [
        (ErrorCode.REFUSED_STREAM, UNAVAILABLE, Fate.REFUSED),
        (ErrorCode.CANCEL, CANCELLED, Fate.ANSWERED),
        (ErrorCode.ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED, Fate.ANSWERED),
        (4711, INTERNAL, Fate.ANSWERED),
    ],
)
def test_a_reset_tells_the_calls_status_and_whether_it_may_go_elsewhere(reset: int, code: int, fate: Fate) -> None:
    server = RawServer()
    server.call(bytes(100_000))
    server.say(frame(frames.RST_STREAM, 0, 1, reset.to_bytes(4, "big")))
    failure = server.failure()
    assert (failure.code, failure.fate) == (code, fate)
    assert server.heard_of(frames.DATA) == []


def test_as_many_resets_as_there_were_calls_are_no_flood() -> None:
    server = RawServer(Bounds(max_resets=3, resets_per_s=0.001))
    for turn in range(50):
        server.call()
        server.say(frames.rst_stream(2 * turn + 1, ErrorCode.CANCEL))
        server.heard()
    assert (server.core.fault, len(server.events)) == (None, 50)
    for _ in range(5000):
        server.say(frames.rst_stream(1, ErrorCode.CANCEL))
    assert server.core.fault is not None


def test_a_goaway_refuses_later_calls_and_lets_earlier_ones_end() -> None:
    server = RawServer()
    server.call()
    server.call(bytes(100_000))
    server.say(frames.goaway(1, ErrorCode.NO_ERROR))
    ((kind, second, _),) = server.events
    assert (kind, second.id) == (Kind.FAILED, 3)
    assert second.failure is not None
    assert (second.failure.code, second.failure.fate) == (UNAVAILABLE, Fate.REFUSED)
    assert server.core.draining
    assert not server.core.has_room
    server.say(response(3), response(1))
    assert server.events[-1][2] == b"pong"
    assert (server.core.fault, server.buffers.held_bytes) == (None, 0)


def test_the_first_goaway_of_two_refuses_nothing() -> None:
    server = RawServer()
    server.call()
    assert server.say(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR)) == []
    assert server.core.draining
    assert len(server.core.streams) == 1


def test_no_more_calls_than_the_server_takes() -> None:
    server = RawServer(None, None, (frames.MAX_CONCURRENT_STREAMS, 2))
    rooms = []
    for _ in range(2):
        server.call()
        rooms.append(server.core.has_room)
    server.say(response(1))
    assert [*rooms, server.core.has_room] == [True, False, True]


def test_the_last_stream_number_drains_the_connection() -> None:
    server = RawServer()
    server.core._next_id = frames.MAX_STREAM_ID
    assert server.call().id == frames.MAX_STREAM_ID
    assert server.core.draining


def test_a_server_that_answers_before_it_has_the_whole_request_gets_no_more_of_it() -> None:
    server = RawServer(None, None, (frames.INITIAL_WINDOW_SIZE, 1000))
    server.call(bytes(100_000))
    server.heard()
    server.say(headers(1, [*RESPONSE, ("grpc-status", "8")], ends=True))
    assert server.failure().code == RESOURCE_EXHAUSTED
    (reset,) = server.heard()
    assert (reset.kind, reset.code) == (frames.RST_STREAM, ErrorCode.NO_ERROR)
    server.say(frames.window_update(1, 10**6))
    assert server.heard() == []


def test_a_call_that_its_owner_leaves_is_reset_and_what_crosses_is_let_go() -> None:
    server = RawServer()
    stream = server.call()
    server.heard()
    server.core.reset(stream, ErrorCode.CANCEL)
    assert [found.code for found in server.heard()] == [ErrorCode.CANCEL]
    assert server.say(response(1)) == []
    server.call()
    assert server.say(headers(3, [(":status", "2")]))[0][0] is Kind.FAILED
    assert server.say(response(3), headers(1, [(":status", "2")])) == []
    assert server.core.fault is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (response(1), ErrorCode.STREAM_CLOSED), (response(7), ErrorCode.PROTOCOL_ERROR),
        (response(2), ErrorCode.PROTOCOL_ERROR), (frame(frames.PUSH_PROMISE, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frames.ping_ack(b"tg-drain"), None),
    ],
)  # fmt: skip
def test_responses_to_nothing_end_the_connection(said: bytes, code: ErrorCode | None) -> None:
    server = RawServer()
    server.call()
    server.say(response(1), said)
    assert (server.core.fault and server.core.fault.code) == code
    if code is not None:
        assert server.heard()[-1].payload[:4] == bytes(4)
        assert not server.core.has_room


def test_too_large_a_reply_and_too_large_a_header_list_fail_the_call_only() -> None:
    server = RawServer(Bounds(max_message_bytes=100, max_header_list_bytes=200))
    server.call()
    server.say(headers(1, RESPONSE), data(1, prefixed(bytes(101))))
    assert server.failure().code == RESOURCE_EXHAUSTED
    server.call()
    server.say(headers(3, changed(RESPONSE, x="y" * 200)), headers(1, changed(RESPONSE, x="y" * 200)))
    assert server.failure().code == RESOURCE_EXHAUSTED
    assert server.refused["header_list"] == 1
    assert [found.code for found in server.heard_of(frames.RST_STREAM)] == [ErrorCode.CANCEL, ErrorCode.CANCEL]


def test_a_request_for_which_there_is_no_room_raises_and_leaves_nothing() -> None:
    server = RawServer(buffers=Buffers(1000))
    with pytest.raises(MessageRefused):
        server.call(bytes(100_000))
    assert (server.core.streams, server.buffers.held_bytes, server.heard()) == ({}, 0, [])
    assert server.call(b"small").id == 1


def test_a_lost_connection_gives_back_its_calls() -> None:
    server = RawServer()
    streams = [server.call(bytes(100_000)), server.call()]
    assert server.core.abandon() == streams
    assert (server.core.streams, server.buffers.held_bytes) == ({}, 0)


def test_a_server_that_answers_no_ping_is_given_up() -> None:
    server = RawServer(Bounds(keepalive_s=10.0, keepalive_timeout_s=2.0))
    server.core.tick(server.now_us + 60_000_000)
    assert server.heard() == []
    server.call()
    server.heard()
    server.core.tick(server.now_us + 11_000_000)
    assert [found.kind for found in server.heard()] == [frames.PING]
    server.core.tick(server.now_us + 14_000_000)
    assert server.core.fault is not None


def test_a_lowered_header_table_is_confirmed_by_the_next_request() -> None:
    server = RawServer(None, None, (frames.HEADER_TABLE_SIZE, 0))
    server.call()
    head, message = server.heard()
    assert (head.payload[:1], message.flags) == (b"\x20", frames.END_STREAM)
    server.core.send(HeaderBlock(encode_fields(REQUEST)), b"", server.now_us)
    assert server.heard()[0].payload == encode_fields(REQUEST)
