"""Frames at the wrong time: idle, half-closed, closed and reset streams (RFC 9113 section 5.1), and control frames."""

from __future__ import annotations

import pytest

from gateway.http2 import frames
from gateway.http2.closed import FREE_STRAYS, MAX_REMEMBERED
from gateway.http2.errors import ErrorCode
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.responses import OK_TRAILERS, head_block
from gateway.http2.stream import Kind
from tests.unit.gateway.http2.peers import (
    REQUEST,
    RawClient,
    data,
    frame,
    headers,
    prefixed,
    request,
)

UPDATE = frames.window_update
P, S, F, C = (
    ErrorCode.PROTOCOL_ERROR,
    ErrorCode.STREAM_CLOSED,
    ErrorCode.FRAME_SIZE_ERROR,
    ErrorCode.FLOW_CONTROL_ERROR,
)
RESET = frame(frames.RST_STREAM, 0, 1, bytes(4))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (data(1, b""), P), (data(0, b""), P), (data(2, b""), P), (RESET, P), (UPDATE(1, 5), P), (UPDATE(2, 5), P),
        (headers(0, REQUEST), P), (headers(2, REQUEST), P),
        (frame(frames.RST_STREAM, 0, 0, bytes(4)), P), (frame(frames.RST_STREAM, 0, 1, bytes(3)), F),
        (UPDATE(0, 0), P), (UPDATE(0, 2**31 - 1), C), (frame(frames.WINDOW_UPDATE, 0, 0, bytes(5)), F),
        (frame(frames.PING, 0, 0, bytes(7)), F), (frame(frames.PING, 0, 1, bytes(8)), P),
        (frame(frames.SETTINGS, 0, 0, bytes(5)), F), (frame(frames.SETTINGS, 0, 1), P),
        (frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), F), (frames.settings([(frames.ENABLE_PUSH, 2)]), P),
        (frame(frames.GOAWAY, 0, 0, bytes(7)), F), (frame(frames.GOAWAY, 0, 1, bytes(8)), P),
        (frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, bytes(4)), P),
        (frame(frames.PRIORITY, 0, 0, bytes(5)), P), (frame(frames.CONTINUATION, frames.END_HEADERS, 1), P),
        (frame(frames.DATA, frames.PADDED, 1, b"\1"), P),
        (frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff"), ErrorCode.COMPRESSION_ERROR),
        (frame(frames.HEADERS, 0x24, 1, b"\0\0\0\1\0" + encode_fields(REQUEST)), P),
    ],
)  # fmt: skip
def test_what_ends_the_connection_before_any_stream_was_opened(said: bytes, code: ErrorCode) -> None:
    assert RawClient().died_of(said) is code


@pytest.mark.parametrize(
    ("said", "code"),
    [(data(1, b"more"), S), (headers(1, REQUEST), S), (headers(1, REQUEST, ends=True), S), (headers(3, [])[:8], None)],
)
def test_nothing_but_control_frames_may_follow_the_end_of_a_request(said: bytes, code: ErrorCode | None) -> None:
    client = RawClient()
    client.say(request(1))
    if code is None:  # not even a whole frame
        client.say(said)
        assert client.core.fault is None
    else:
        assert client.died_of(said) is code


@pytest.mark.parametrize("said", [data(1, b"more"), headers(1, REQUEST)])
def test_nor_may_it_once_the_stream_is_closed(said: bytes) -> None:
    client = RawClient()
    (event,) = client.say(request(1))
    client.core.respond(event[1], head_block(()), b"pong", OK_TRAILERS)
    assert client.died_of(said) is S


def test_windows_resets_and_priorities_of_a_closed_stream_are_ignored() -> None:
    client = RawClient()
    (event,) = client.say(request(1))
    client.core.respond(event[1], head_block(()), b"pong", OK_TRAILERS)
    client.heard()
    client.say(UPDATE(1, 5), UPDATE(1, 0), RESET, frame(frames.PRIORITY, 0, 1, bytes(5)))
    assert client.core.fault is None
    assert client.heard() == []


def test_a_lower_stream_that_was_never_opened_is_closed() -> None:
    client = RawClient()
    client.say(request(5))
    assert client.died_of(headers(3, REQUEST)) is S


def test_calls_before_settings_end_the_connection() -> None:
    client = RawClient(opened=False)
    assert client.died_of(frames.PREFACE + request(1)) is P


def test_after_a_fault_nothing_is_read_any_more() -> None:
    client = RawClient()
    client.say(request(1) + data(0, b"") + request(3))
    assert [kind for kind, _, _ in client.events] == [Kind.REQUEST]
    assert client.say(request(5)) == []
    assert len(client.heard_of(frames.GOAWAY)) == 1
    assert client.refused["connection_protocol_error"] == 1


def test_a_second_header_block_must_end_the_request() -> None:
    client = RawClient()
    client.say(headers(1, REQUEST), headers(1, [("x", "y")]))
    (reset,) = client.heard()
    assert (reset.stream_id, reset.code) == (1, P)
    assert client.core.fault is None


def test_what_was_on_the_way_when_we_reset_a_stream_is_let_go() -> None:
    client = RawClient()
    (event,) = client.say(request(1))
    client.say(headers(3, REQUEST))
    client.core.reset(client.core.streams[3], ErrorCode.CANCEL)
    client.core.reset(event[1], ErrorCode.CANCEL)
    client.core.reset(event[1], ErrorCode.CANCEL)
    assert [found.code for found in client.heard()] == [ErrorCode.CANCEL, ErrorCode.CANCEL]
    assert client.say(data(3, prefixed(b"ping")), headers(3, [("x", "y")], ends=True), UPDATE(3, 1), RESET) == []
    assert client.core.fault is None


def test_a_client_that_goes_on_with_what_it_reset_itself_is_told_so_and_counted() -> None:
    client = RawClient()
    client.say(headers(1, REQUEST), RESET, data(1, b"d"), headers(1, [("x", "y")], ends=True))
    assert [(found.stream_id, found.code) for found in client.heard()] == [(1, S), (1, S)]
    assert client.alive()
    client.core.controls._tokens = 0.0
    assert client.died_of(data(1, bytes(5000))) is ErrorCode.ENHANCE_YOUR_CALM


def test_the_tables_follow_header_blocks_of_streams_that_we_reset() -> None:
    client = RawClient()
    client.say(headers(1, REQUEST))
    client.core.reset(client.core.streams[1], ErrorCode.CANCEL)
    client.say(frame(frames.HEADERS, 5, 1, b"\x40\1a\1b"))
    ((_, stream, _),) = client.say(
        frame(frames.HEADERS, 4, 3, encode_fields(REQUEST) + b"\xbe"), data(3, prefixed(b"ping"), ends=True)
    )
    assert stream.head is not None
    assert stream.head.metadata == (("a", "b"),)


def test_a_few_stray_frames_of_each_reset_stream_are_free_and_large_data_always() -> None:
    client = RawClient()
    client.core.controls._tokens = 0.0
    for stream_id in (1, 3):
        client.say(headers(stream_id, REQUEST))
        client.core.reset(client.core.streams[stream_id], ErrorCode.CANCEL)
        client.say(*[data(stream_id, b"d" * 1024)] * 100, *[data(stream_id, b"d")] * FREE_STRAYS)
        assert client.core.fault is None
    assert client.died_of(data(1, b"d")) is ErrorCode.ENHANCE_YOUR_CALM


def test_so_many_reset_streams_are_remembered_and_then_the_oldest_forgotten() -> None:
    client = RawClient()
    for stream_id in range(1, 2 * MAX_REMEMBERED + 2, 2):
        client.say(headers(stream_id, REQUEST))
        client.core.reset(client.core.streams[stream_id], ErrorCode.CANCEL)
    client.heard()
    client.say(data(3, b"d"))
    assert client.core.fault is None
    assert client.died_of(data(1, b"d")) is S


def test_a_client_that_resets_its_call_is_told_to_the_calls_owner_once() -> None:
    client = RawClient()
    client.say(request(1), RESET, RESET)
    assert [(kind, stream.id) for kind, stream, _ in client.events] == [(Kind.REQUEST, 1), (Kind.RESET, 1)]
    assert client.buffers.held_bytes == 0
