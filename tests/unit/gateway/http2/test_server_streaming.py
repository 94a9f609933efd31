"""Streaming calls at the server: messages one by one both ways, half-closed on either side first, slow readers."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.answers import MAX_QUEUED_PARTS
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.stream import Kind, Stream
from tests.unit.gateway.http2.peers import OK, REQUEST, STREAMING_PATH, RawClient, changed, data, headers, prefixed

FIELDS = changed(REQUEST, _path=STREAMING_PATH)


def _opened(client: RawClient) -> Stream:
    ((kind, stream, _),) = client.say(headers(1, FIELDS))
    assert kind is Kind.OPENED
    return stream


def _kinds(client: RawClient) -> list[tuple[Kind, bytes | None]]:
    return [(kind, message) for kind, _, message in client.events]


def test_messages_are_told_as_they_come_and_the_end_once() -> None:
    client = RawClient()
    client.say(headers(1, FIELDS), data(1, prefixed(b"one") + prefixed(b"two")), data(1, b""), data(1, b"", ends=True))
    assert _kinds(client) == [
        (Kind.OPENED, None),
        (Kind.MESSAGE, b"one"),
        (Kind.MESSAGE, b"two"),
        (Kind.HALF_CLOSED, None),
    ]


def test_a_call_that_ends_with_its_headers_is_opened_and_half_closed() -> None:
    client = RawClient()
    client.say(headers(1, FIELDS, ends=True))
    assert _kinds(client) == [(Kind.OPENED, None), (Kind.HALF_CLOSED, None)]


def test_answers_leave_one_by_one_then_the_trailers() -> None:
    client = RawClient()
    stream = _opened(client)
    client.say(data(1, b"", ends=True))
    client.core.begin(stream, head_block(()))
    assert client.core.push(stream, b"one")
    (head, one) = client.heard()
    assert (client.fields(head)[":status"], one.payload) == ("200", prefixed(b"one"))
    assert client.core.push(stream, b"")
    client.core.finish(stream, OK_TRAILERS)
    two, tail = client.heard()
    assert (two.payload, client.fields(tail)) == (prefixed(b""), dict(OK))
    assert client.core.streams == {}


def test_a_call_that_the_server_ends_first_needs_no_more_of_its_client() -> None:
    client = RawClient()
    stream = _opened(client)
    client.core.begin(stream, head_block(()))
    client.core.finish(stream, OK_TRAILERS)
    assert [found.kind for found in client.heard()] == [frames.HEADERS, frames.HEADERS, frames.RST_STREAM]
    assert client.core.streams == {}
    assert client.say(data(1, prefixed(b"late"), ends=True)) == []
    assert client.core.fault is None


def test_an_error_instead_of_any_answer_is_trailers_only() -> None:
    client = RawClient()
    client.core.respond_without(_opened(client), tail_block(12, "", (), alone=True))
    assert client.statuses() == [(12, "")]


def test_commands_for_a_call_that_is_gone_do_nothing() -> None:
    client = RawClient()
    stream = _opened(client)
    client.say(frames.rst_stream(1, ErrorCode.CANCEL))
    assert _kinds(client)[-1] == (Kind.RESET, None)
    client.core.begin(stream, head_block(()))
    assert not client.core.push(stream, b"one")
    client.core.finish(stream, OK_TRAILERS)
    client.core.respond_without(stream, OK_TRAILERS)
    assert client.heard() == []


def test_a_reader_that_is_too_slow_is_reset() -> None:
    client = RawClient(None, None, (frames.INITIAL_WINDOW_SIZE, 0))
    stream = _opened(client)
    client.core.begin(stream, head_block(()))
    pushed = 0
    while client.core.push(stream, b"message"):
        pushed += 1
    assert pushed == MAX_QUEUED_PARTS // 2 + 1
    assert client.heard()[-1].code == ErrorCode.ENHANCE_YOUR_CALM
    assert client.refused["slow_stream"] == 1
    assert client.core.streams == {}


def test_a_message_that_is_too_large_resets_the_call_and_tells_its_owner() -> None:
    client = RawClient(Bounds(max_message_bytes=10))
    _opened(client)
    client.say(data(1, prefixed(bytes(11))))
    assert _kinds(client)[-1] == (Kind.RESET, None)
    assert client.heard()[-1].code == ErrorCode.CANCEL
    assert client.buffers.held_bytes == 0


def test_a_call_that_ends_within_a_message_is_reset() -> None:
    client = RawClient()
    _opened(client)
    client.say(data(1, prefixed(b"message")[:-1], ends=True))
    assert _kinds(client)[-1] == (Kind.RESET, None)


def test_answers_that_wait_are_held_until_they_leave() -> None:
    client = RawClient(Bounds(max_stream_bytes=1000), None, (frames.INITIAL_WINDOW_SIZE, 0))
    stream = _opened(client)
    client.core.begin(stream, head_block(()))
    assert client.core.push(stream, bytes(600))
    client.say(data(1, prefixed(b"question")))
    assert client.buffers.held_bytes == 600
    client.say(frames.window_update(1, 605))
    client.heard()
    assert client.buffers.held_bytes == 0
    assert client.core.push(stream, bytes(600))
    assert not client.core.push(stream, bytes(600))
    assert (client.core.streams, client.buffers.held_bytes) == ({}, 0)
