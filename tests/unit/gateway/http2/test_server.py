"""The server's end: calls come in whole, answers go out, and what is no call is told so."""

from __future__ import annotations

import gzip

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.stream import Kind, Stream
from tests.unit.gateway.http2.peers import (
    OK,
    PATH,
    REQUEST,
    Frame,
    RawClient,
    changed,
    data,
    frame,
    headers,
    parsed,
    prefixed,
    request,
    taken,
)

HEAD = head_block(())


def _call(client: RawClient, stream_id: int = 1, message: bytes = b"ping") -> Stream:
    ((kind, stream, _),) = client.say(request(stream_id, message))
    assert kind is Kind.REQUEST
    return stream


def test_the_server_opens_with_its_settings_and_a_larger_window() -> None:
    client = RawClient(Bounds(max_concurrent_streams=7, max_header_list_bytes=1234), opened=False)
    settings, update = client.heard()
    pairs = {settings.payload[at : at + 2]: settings.payload[at + 2 : at + 6] for at in range(0, 30, 6)}
    assert int.from_bytes(pairs[b"\0\3"], "big") == 7
    assert int.from_bytes(pairs[b"\0\4"], "big") == 256 * 1024
    assert int.from_bytes(pairs[b"\0\6"], "big") == 1234
    assert (update.kind, update.stream_id) == (frames.WINDOW_UPDATE, 0)


def test_the_preface_may_come_in_any_pieces_with_frames_behind_it() -> None:
    client = RawClient(opened=False)
    for said in (frames.PREFACE[:5], frames.PREFACE[5:9], frames.PREFACE[9:] + frames.settings(()) + request(1)[:3]):
        assert client.say(said) == []
    assert client.core.peer.came
    ((kind, stream, _),) = client.say(request(1)[3:])
    assert (kind, stream.message) == (Kind.REQUEST, b"ping")


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nXX", b"\x16\x03\x01"])
def test_another_protocol_is_told_that_this_is_grpc(said: bytes) -> None:
    client = RawClient(opened=False)
    taken(client.core)
    assert client.say(said) == []
    (goaway,) = client.heard()
    assert goaway.kind == frames.GOAWAY
    assert b"gRPC" in goaway.payload
    assert client.core.finished


def test_a_unary_call_is_told_once_it_is_whole() -> None:
    client = RawClient()
    assert client.say(headers(1, changed(REQUEST, x="y", grpc_timeout="5S"))) == []
    assert client.say(data(1, prefixed(b"ping")[:7])) == []
    ((kind, stream, _),) = client.say(data(1, prefixed(b"ping")[7:], ends=True))
    assert (kind, stream.message) == (Kind.REQUEST, b"ping")
    assert stream.head is not None
    assert (stream.head.path, stream.head.metadata, stream.head.timeout_us) == (PATH, (("x", "y"),), 5_000_000)


def test_its_end_may_come_in_an_empty_frame_or_in_trailers() -> None:
    client = RawClient()
    client.say(headers(1, REQUEST), data(1, prefixed(b"one")), data(1, b"", ends=True))
    client.say(headers(3, REQUEST), data(3, prefixed(b"two")), headers(3, [("checksum", "1")], ends=True))
    assert [stream.message for _, stream, _ in client.events] == [b"one", b"two"]


def test_a_small_answer_is_headers_data_and_trailers() -> None:
    client = RawClient()
    assert client.core.respond(_call(client), HEAD, b"pong", OK_TRAILERS)
    first, second, third = client.heard()
    assert client.fields(first)[":status"] == "200"
    assert second == Frame(frames.DATA, 0, 1, prefixed(b"pong"))
    assert client.fields(third) == dict(OK)
    assert third.flags & frames.END_STREAM
    assert client.core.streams == {}


@pytest.mark.parametrize(
    "message", [bytes(100_000), (b"in ", b"three ", b"pieces"), ()], ids=["large", "pieces", "none"]
)
def test_a_large_answer_and_one_in_pieces_are_the_same_to_the_client(message: bytes | tuple[bytes, ...]) -> None:
    client = RawClient(None, None, (frames.INITIAL_WINDOW_SIZE, 2**20), (frames.MAX_FRAME_SIZE, 30_000))
    client.say(frames.window_update(0, 2**20))
    client.core.respond(_call(client), HEAD, message, OK_TRAILERS)
    assert client.buffers.held_bytes == 4 + len(message if isinstance(message, bytes) else b"".join(message))
    found = client.heard()
    whole = message if isinstance(message, bytes) else b"".join(message)
    assert b"".join(each.payload for each in found if each.kind == frames.DATA) == prefixed(whole)
    assert (found[0].kind, found[-1].kind) == (frames.HEADERS, frames.HEADERS)
    assert client.buffers.held_bytes == 0


def test_an_error_is_trailers_only() -> None:
    client = RawClient()
    client.core.respond_without(_call(client), tail_block(5, "no such model", (), alone=True))
    assert client.statuses() == [(5, "no such model")]
    assert client.core.streams == {}


def test_an_answer_to_a_call_whose_client_left_goes_nowhere() -> None:
    client = RawClient()
    stream = _call(client)
    client.say(frames.rst_stream(1, ErrorCode.CANCEL))
    assert client.core.respond(stream, HEAD, b"pong", OK_TRAILERS)
    client.core.respond_without(stream, OK_TRAILERS)
    assert client.heard() == []


@pytest.mark.parametrize(
    ("fields", "http_status"), [(changed(REQUEST, _method="GET"), "405"), (changed(REQUEST, content_type=None), "415")]
)
def test_what_is_no_grpc_gets_an_http_status_and_words(fields: list[tuple[str, str]], http_status: str) -> None:
    client = RawClient()
    assert client.say(headers(1, fields)) == []
    assert client.heard() == []
    assert client.say(data(1, prefixed(b"ping"), ends=True)) == []
    answer, words = client.heard()
    assert client.fields(answer)[":status"] == http_status
    assert (words.kind, words.flags) == (frames.DATA, frames.END_STREAM)
    assert b"gRPC" in words.payload or b"grpc" in words.payload
    assert client.core.streams == {}


def test_what_ended_with_its_headers_is_answered_at_once() -> None:
    client = RawClient()
    client.say(headers(1, changed(REQUEST, _method="GET"), ends=True))
    assert [found.kind for found in client.heard()] == [frames.HEADERS, frames.DATA]
    assert client.core.streams == {}


@pytest.mark.parametrize("fields", [changed(REQUEST, _method="GET"), changed(REQUEST, grpc_timeout="soon")])
def test_a_large_body_of_what_is_no_call_is_not_waited_for_nor_kept(fields: list[tuple[str, str]]) -> None:
    client = RawClient()
    client.say(headers(1, fields), data(1, bytes(65_536)))
    assert (client.heard(), client.buffers.held_bytes) == ([], 0)
    client.say(data(1, b"more"))
    answer, *_, reset = client.heard()
    assert answer.kind == frames.HEADERS
    assert (reset.kind, reset.code) == (frames.RST_STREAM, ErrorCode.NO_ERROR)
    assert client.say(data(1, b"late"), data(1, b"", ends=True)) == []
    assert client.alive()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (headers(1, REQUEST, ends=True), UNIMPLEMENTED),
        (headers(1, REQUEST) + data(1, b"", ends=True), UNIMPLEMENTED),
        (headers(1, REQUEST) + data(1, prefixed(b"one") + prefixed(b"two"), ends=True), UNIMPLEMENTED),
        (headers(1, REQUEST) + data(1, prefixed(b"one")) + data(1, prefixed(b"two"), ends=True), UNIMPLEMENTED),
        (headers(1, REQUEST) + data(1, prefixed(b"message")[:-1], ends=True), INTERNAL),
        (headers(1, REQUEST) + data(1, b"\0\0", ends=True), INTERNAL),
        (headers(1, REQUEST) + data(1, b"\1" + prefixed(b"message")[1:], ends=True), INTERNAL),
        (headers(1, changed(REQUEST, grpc_encoding="br")) + data(1, b"\1\0\0\0\0", ends=True), UNIMPLEMENTED),
        (request(1, fields=changed(REQUEST, grpc_timeout="soon")), INTERNAL),
    ],
)  # fmt: skip
def test_a_call_that_is_not_one_message_ends_with_its_status(said: bytes, code: int) -> None:
    client = RawClient()
    assert client.say(said) == []
    ((found, words),) = client.statuses()
    assert (found, bool(words)) == (code, True)
    assert client.core.fault is None
    assert (client.core.streams, client.buffers.held_bytes) == ({}, 0)


def test_a_compressed_request_is_told_as_it_was() -> None:
    client = RawClient()
    body = gzip.compress(b"plain")
    message = b"\1" + len(body).to_bytes(4, "big") + body
    client.say(headers(1, changed(REQUEST, grpc_encoding="gzip")), data(1, message, ends=True))
    assert client.events[0][1].message == b"plain"


def test_content_length_must_be_that_of_the_data() -> None:
    client = RawClient()
    said = headers(1, changed(REQUEST, content_length="9")), data(1, prefixed(b"ping"), ends=True)
    assert [kind for kind, _, _ in client.say(*said)] == [Kind.REQUEST]
    said = headers(3, changed(REQUEST, content_length="8")), data(3, prefixed(b"ping"), ends=True)
    client.say(*said)
    (reset,) = client.heard_of(frames.RST_STREAM)
    assert (reset.stream_id, reset.code) == (3, ErrorCode.PROTOCOL_ERROR)


def test_a_malformed_request_ends_its_stream_and_the_next_one_is_read() -> None:
    client = RawClient()
    client.say(headers(1, changed(REQUEST, _path="")))
    (reset,) = client.heard()
    assert (reset.stream_id, reset.code) == (1, ErrorCode.PROTOCOL_ERROR)
    _call(client, 3)


def test_an_answer_for_which_there_is_no_room_is_refused_in_its_place() -> None:
    client = RawClient(buffers=Buffers(1000))
    assert not client.core.respond(_call(client), HEAD, bytes(100_000), OK_TRAILERS)
    assert client.statuses()[0][0] == RESOURCE_EXHAUSTED
    assert client.buffers.held_bytes == 0


def test_a_padded_and_prioritised_request_is_a_request() -> None:
    client = RawClient()
    block = headers(1, REQUEST)[frames.HEADER_BYTES :]
    flags = frames.PADDED | frames.PRIORITISED | frames.END_HEADERS
    said = frame(frames.HEADERS, flags, 1, b"\3\0\0\0\0\7" + block + b"\0\0\0")
    message = frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\2" + prefixed(b"ping") + b"\0\0")
    assert client.say(said, message)[0][1].message == b"ping"


def test_requests_larger_than_the_windows_are_let_in_as_they_come() -> None:
    client = RawClient(Bounds(window_bytes=100_000))
    client.say(headers(1, REQUEST))
    message = prefixed(bytes(1_000_000))
    allowed = 100_000
    while message:
        part, message = message[: min(allowed, 16_384)], message[16_384 if allowed >= 16_384 else allowed :]
        client.say(data(1, part, ends=not message))
        allowed -= len(part)
        for found in client.heard():
            if found.kind == frames.WINDOW_UPDATE and found.stream_id == 1:
                allowed += int.from_bytes(found.payload, "big")
    ((kind, stream, _),) = client.events
    assert (kind, len(stream.message or b"")) == (Kind.REQUEST, 1_000_000)


def test_what_is_sent_is_whole_frames_only() -> None:
    client = RawClient()
    client.core.respond(_call(client), HEAD, bytes(300_000), OK_TRAILERS)
    assert parsed(taken(client.core))
