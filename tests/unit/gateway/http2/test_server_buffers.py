"""Bounds on what a server's connection buffers; what is held is counted, and nothing is once its stream ended."""

from __future__ import annotations

import gzip

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.stream import Kind
from tests.unit.gateway.http2.peers import (
    REQUEST,
    SECOND_US,
    STREAMING_PATH,
    RawClient,
    changed,
    data,
    headers,
    prefixed,
    request,
)


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_message_of_the_bound_is_taken_and_one_byte_more_is_refused(pieces: int) -> None:
    client = RawClient(Bounds(max_message_bytes=1000))

    def said(number: int, size: int) -> bytes:
        message = prefixed(bytes(size))
        parts = [message] if pieces == 1 else [message[:9], message[9:]]
        last = len(parts) - 1
        return headers(number, REQUEST) + b"".join(data(number, part, at == last) for at, part in enumerate(parts))

    assert client.say(said(1, 1000))
    assert client.say(said(3, 1001)) == []
    assert client.statuses() == [(RESOURCE_EXHAUSTED, "Received message larger than max (1001 vs. 1000)")]
    assert client.refused["message"] == 1
    assert client.buffers.held_bytes == 1000 + (0 if pieces == 1 else 5)


def _zipped(size: int) -> bytes:
    body = gzip.compress(bytes(size))
    fields = changed(REQUEST, grpc_encoding="gzip")
    return headers(1, fields) + data(1, b"\1" + len(body).to_bytes(4, "big") + body, ends=True)


def test_a_bomb_is_refused_and_what_just_fits_is_held_at_its_true_size() -> None:
    client = RawClient(Bounds(max_message_bytes=1_000_000))
    assert client.say(_zipped(1_000_000))
    assert client.buffers.held_bytes == 1_000_000
    client = RawClient(Bounds(max_message_bytes=1_000_000))
    assert client.say(_zipped(1_000_001)) == []
    assert client.statuses()[0][0] == RESOURCE_EXHAUSTED
    assert client.buffers.held_bytes == 0


@pytest.mark.parametrize(
    ("bounds", "limit_bytes"),
    [({"max_stream_bytes": 1000}, 10**9), ({"max_connection_bytes": 1000}, 10**9), ({}, 1000)],
    ids=["stream", "connection", "process"],
)
def test_buffered_bytes_are_bounded_for_stream_connection_and_process(bounds: dict[str, int], limit_bytes: int) -> None:
    client = RawClient(Bounds(**bounds), Buffers(limit_bytes))
    client.say(request(1, bytes(1000)))
    assert len(client.events) == 1
    client.core.abandon()
    assert client.say(request(3, bytes(1001))) == []
    assert client.statuses() == [(RESOURCE_EXHAUSTED, "no room to buffer the message; try again later")]
    assert client.buffers.held_bytes == 0
    assert client.buffers.refused == 1


def test_a_connection_that_holds_more_than_half_its_bound_should_not_be_read_from() -> None:
    client = RawClient(Bounds(max_connection_bytes=2000))
    client.say(request(1, bytes(1000)))
    crowded = [client.core.crowded]
    client.say(request(3, bytes(1)))
    crowded.append(client.core.crowded)
    client.core.reset(client.events[0][1], ErrorCode.CANCEL)
    assert [*crowded, client.core.crowded] == [False, True, False]


@pytest.mark.parametrize("end", ["answer", "large", "error", "ours", "theirs", "fault", "refusal", "socket", "late"])
def test_nothing_is_held_once_a_stream_ended_in_whichever_way(end: str) -> None:
    client = RawClient(Bounds(max_message_bytes=5000))
    client.say(headers(1, REQUEST), data(1, prefixed(bytes(3000))[:2000]))
    stream = client.core.streams[1]
    assert client.buffers.held_bytes == 2000
    if end in {"answer", "large", "error"}:
        client.say(data(1, prefixed(bytes(3000))[2000:], ends=True))
    if end in {"answer", "large"}:
        client.core.respond(stream, head_block(()), bytes(10 if end == "answer" else 50_000), OK_TRAILERS)
    elif end == "error":
        client.core.respond_without(stream, tail_block(5, "", (), alone=True))
    elif end == "ours":
        client.core.reset(stream, ErrorCode.CANCEL)
    elif end == "theirs":
        client.say(frames.rst_stream(1, ErrorCode.CANCEL))
    elif end == "fault":
        client.say(frames.window_update(1, 0))
    elif end == "refusal":
        client.say(data(1, prefixed(bytes(3000))[2000:] + prefixed(b"second")))
    elif end == "socket":
        assert client.core.abandon() == [stream]
    else:
        client.core.tick(client.now_us + 100 * SECOND_US)
    client.heard()
    assert (client.buffers.held_bytes, client.core.intake.held_bytes, client.core.streams) == (0, 0, {})


def test_a_streaming_calls_messages_are_held_only_until_they_are_told() -> None:
    client = RawClient()
    client.say(headers(1, changed(REQUEST, _path=STREAMING_PATH)), data(1, prefixed(bytes(100)) + prefixed(b"two")[:6]))
    assert [kind for kind, _, _ in client.events] == [Kind.OPENED, Kind.MESSAGE]
    assert client.buffers.held_bytes == 111
    client.say(data(1, prefixed(b"two")[6:]))
    assert client.buffers.held_bytes == 0
