"""The client's end: requests go out whole, replies come in whole, and every other end has a status and a fate."""

from __future__ import annotations

import gzip
import struct

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.grpc_fields import (
    INTERNAL,
    UNIMPLEMENTED,
    UNKNOWN,
)
from gateway.http2.stream import Fate, Kind
from tests.unit.gateway.http2.peers import (
    OK,
    REQUEST,
    RESPONSE,
    Frame,
    RawServer,
    changed,
    data,
    headers,
    parsed,
    prefixed,
    response,
    taken,
)


def test_the_client_opens_with_the_preface_its_settings_and_a_larger_window() -> None:
    sent = taken(RawServer(opened=False).core)
    assert sent.startswith(frames.PREFACE)
    settings, update = parsed(sent[len(frames.PREFACE) :])
    pairs = dict(struct.iter_unpack(">HL", settings.payload))
    assert (pairs[frames.ENABLE_PUSH], pairs[frames.INITIAL_WINDOW_SIZE]) == (0, 256 * 1024)
    assert (update.kind, update.stream_id) == (frames.WINDOW_UPDATE, 0)


def test_a_small_request_is_headers_and_data_with_its_end() -> None:
    server = RawServer()
    stream = server.call(b"ping")
    head, message = server.heard()
    assert server.fields(head) == dict(REQUEST)
    assert message == Frame(frames.DATA, frames.END_STREAM, 1, prefixed(b"ping"))
    assert stream.local_done
    assert [server.call().id, server.call().id] == [3, 5]


@pytest.mark.parametrize("message", [bytes(50_000), (bytes(20_000), b"", b"pieces")], ids=["large", "pieces"])
def test_a_large_request_waits_for_the_windows_and_is_held_until_then(message: bytes | tuple[bytes, ...]) -> None:
    server = RawServer(None, None, (frames.INITIAL_WINDOW_SIZE, 1000))
    stream = server.call(message)
    whole = prefixed(message if isinstance(message, bytes) else b"".join(message))
    assert server.buffers.held_bytes == len(whole)
    sent = b"".join(found.payload for found in server.heard_of(frames.DATA))
    assert sent == whole[:1000]
    server.say(frames.window_update(1, 10**6), frames.window_update(0, 10**6))
    found = server.heard_of(frames.DATA)
    assert sent + b"".join(each.payload for each in found) == whole
    assert found[-1].flags == frames.END_STREAM
    assert stream.local_done
    server.say(response(1))
    assert server.buffers.held_bytes == 0


def test_a_reply_is_told_once_it_is_whole_with_its_metadata() -> None:
    server = RawServer()
    stream = server.call()
    tail = (*OK, ("cost", "3"))
    assert server.say(headers(1, changed(RESPONSE, arm="b")), data(1, prefixed(b"pong")[:3])) == []
    assert server.say(data(1, prefixed(b"pong")[3:])) == []
    assert server.say(headers(1, tail, ends=True)) == [(Kind.RESPONSE, stream, b"pong")]
    assert stream.response is not None
    assert stream.trailers is not None
    assert (stream.response.metadata, stream.trailers.metadata) == ((("arm", "b"),), (("cost", "3"),))
    assert stream.failure is None
    assert server.core.streams == {}


def test_informational_responses_come_before_the_real_one_and_are_counted() -> None:
    server = RawServer(Bounds(max_control_frames=5, control_frames_per_s=0.001))
    server.call()
    server.say(headers(1, [(":status", "103")]) * 3, response(1))
    assert [kind for kind, _, _ in server.events] == [Kind.RESPONSE]
    server.call()
    server.say(headers(3, [(":status", "100")]) * 10)
    assert server.core.fault is not None


def test_a_compressed_reply_is_told_as_it_was() -> None:
    server = RawServer()
    server.call()
    body = gzip.compress(b"plain")
    message = data(1, b"\1" + len(body).to_bytes(4, "big") + body)
    server.say(headers(1, changed(RESPONSE, grpc_encoding="gzip")), message, headers(1, OK, ends=True))
    assert server.events[0][2] == b"plain"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (headers(1, [*RESPONSE, ("grpc-status", "5"), ("grpc-message", "no %25")], ends=True), 5, "no %"),
        (headers(1, RESPONSE) + headers(1, [("grpc-status", "9")], ends=True), 9, ""),
        (response(1, tail=[("grpc-status", "14")]), 14, ""),
        (response(1, tail=[("grpc-status", "many")]), UNKNOWN, ""),
        (headers(1, changed(RESPONSE, _status="503", content_type="text/html")) + data(1, b"<html>", True), 14, "503"),
        (headers(1, changed(RESPONSE, _status="404", content_type=None), ends=True), UNIMPLEMENTED, "404"),
        (headers(1, changed(RESPONSE, _status="100"), ends=True), UNKNOWN, "100"),
        (headers(1, RESPONSE) + data(1, prefixed(b"pong"), ends=True), UNKNOWN, "no grpc-status"),
        (response(1, tail=[("x", "y")]), UNKNOWN, "no grpc-status"),
        (headers(1, [*RESPONSE, *OK], ends=True), INTERNAL, "no message"),
        (headers(1, RESPONSE) + headers(1, OK, ends=True), INTERNAL, "no message"),
        (headers(1, RESPONSE) + data(1, prefixed(b"pong")[:7]) + headers(1, OK, ends=True), INTERNAL, "not all of it"),
        (headers(1, RESPONSE) + data(1, prefixed(b"a") + b"\0\0") + headers(1, OK, True), INTERNAL, "not all of it"),
        (headers(1, RESPONSE) + data(1, prefixed(b"one") * 2), INTERNAL, "more than one message"),
        (headers(1, RESPONSE) + data(1, prefixed(b"one")) * 2, INTERNAL, "more than one message"),
        (headers(1, RESPONSE) + data(1, b"\7\0\0\0\0"), INTERNAL, "first byte is 7"),
        (headers(1, RESPONSE) + data(1, b"\1\0\0\0\0"), INTERNAL, "compressed by 'identity'"),
    ],
)  # fmt: skip
def test_every_response_that_is_no_reply_has_a_status(said: bytes, code: int, words: str) -> None:
    server = RawServer()
    server.call()
    server.say(said)
    failure = server.failure()
    assert (failure.code, failure.fate) == (code, Fate.ANSWERED)
    assert words in failure.words
    assert len(server.events) == 1
    assert server.core.fault is None
