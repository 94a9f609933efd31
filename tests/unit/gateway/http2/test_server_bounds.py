"""Every bound of a server's connection: what it allows passes, one more is turned away, and what is held is counted."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.http2.floods import PER_CALL
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from tests.unit.gateway.http2.peers import (
    REQUEST,
    SECOND_US,
    RawClient,
    changed,
    data,
    frame,
    headers,
    request,
)

CALM = ErrorCode.ENHANCE_YOUR_CALM
LIST_BYTES = sum(len(name) + len(value) + 32 for name, value in changed(REQUEST, x=""))


def test_a_header_list_of_the_bound_is_a_call_and_one_byte_more_is_refused() -> None:
    bounds = Bounds(max_header_list_bytes=LIST_BYTES + 100)
    client = RawClient(bounds)
    assert client.say(request(1, fields=changed(REQUEST, x="y" * 100)))
    assert client.say(request(3, fields=changed(REQUEST, x="y" * 101))) == []
    ((code, words),) = client.statuses()
    assert (code, str(LIST_BYTES + 100) in words) == (RESOURCE_EXHAUSTED, True)
    assert client.refused["header_list"] == 1
    assert client.say(request(5))


@pytest.mark.parametrize(("count", "fits"), [(8, True), (9, False)])
def test_a_head_in_as_many_continuations_as_the_bound(count: int, fits: bool) -> None:
    client = RawClient()
    block = encode_fields(REQUEST)
    said = frame(frames.HEADERS, 0, 1, block) + frame(frames.CONTINUATION, 0, 1) * (count - 1)
    client.say(said, frame(frames.CONTINUATION, frames.END_HEADERS, 1))
    assert (client.core.fault is None) is fits
    assert fits or client.refused["connection_enhance_your_calm"] == 1


def test_as_many_streams_as_the_bound_are_open_and_one_more_is_refused_to_be_sent_elsewhere() -> None:
    client = RawClient(Bounds(max_concurrent_streams=3))
    events = [client.say(request(number))[0] for number in (1, 3, 5)]
    assert client.say(request(7)) == []
    (reset,) = client.heard()
    assert (reset.stream_id, reset.code) == (7, ErrorCode.REFUSED_STREAM)
    client.core.respond(events[0][1], head_block(()), b"pong", OK_TRAILERS)
    assert client.say(request(9))
    assert client.refused["streams"] == 1


def _flood(client: RawClient, count: int, said: Callable[[int], bytes]) -> bool:
    """Whether the connection outlived so many."""
    for turn in range(count):
        client.say(said(turn))
        client.heard()
    return client.core.fault is None


@pytest.mark.parametrize(
    "said",
    [
        lambda turn: headers(2 * turn + 1, REQUEST) + frames.rst_stream(2 * turn + 1, ErrorCode.CANCEL),
        lambda turn: request(2 * turn + 1) + frames.window_update(2 * turn + 1, 2**31 - 1),
        lambda turn: headers(2 * turn + 1, REQUEST) * 2,
        lambda turn: headers(2 * turn + 1, changed(REQUEST, _path="")),
        lambda turn: headers(2 * turn + 1, changed(REQUEST, content_length="9")) + data(2 * turn + 1, b"", ends=True),
    ],
    ids=["its own", "window", "second block", "malformed", "content-length"],
)
def test_resets_by_the_client_and_such_that_it_makes_us_send_are_bounded(said: Callable[[int], bytes]) -> None:
    bounds = Bounds(max_resets=5, resets_per_s=2.0)
    client = RawClient(bounds)
    assert _flood(client, 5, said)
    client.now_us += SECOND_US
    assert _flood(client, 2, lambda turn: said(turn + 5))
    assert not _flood(client, 1, lambda turn: said(turn + 7))
    assert client.core.fault is not None
    assert client.core.fault.code is CALM


@pytest.mark.parametrize(
    "said",
    [
        frames.settings(()), frames.SETTINGS_ACK, frames.ping(bytes(8)), frames.ping_ack(bytes(8)),
        frame(frames.PRIORITY, 0, 9, bytes(5)), frame(frames.GOAWAY, 0, 0, bytes(8)), frame(0xEE),
        data(1, b""), frame(frames.DATA, frames.PADDED, 1, b"\1\0"),
        frames.window_update(1, 1), frames.window_update(0, 1023), frames.window_update(3, 1),
    ],
)  # fmt: skip
def test_frames_that_cost_their_sender_nothing_are_bounded_and_time_earns_more(said: bytes) -> None:
    client = RawClient(Bounds(max_control_frames=10, control_frames_per_s=2.0))
    client.say(headers(1, REQUEST), request(3))
    client.core.respond(client.events[0][1], head_block(()), b"pong", OK_TRAILERS)
    client.core.controls.calls = 0
    client.core.controls._tokens = 10.0
    assert _flood(client, 10, lambda turn: said)
    client.now_us += SECOND_US
    assert _flood(client, 2, lambda turn: said)
    assert not _flood(client, 1, lambda turn: said)


@pytest.mark.parametrize(
    ("timeout", "wait_us", "blamed"), [("1S", 800_000, False), ("1S", 799_999, True), ("1u", 9999, True)]
)
def test_resets_of_calls_whose_time_was_up_are_nobodys_fault_unless_the_time_is_none(
    timeout: str, wait_us: int, blamed: bool
) -> None:
    client = RawClient(Bounds(max_resets=5, resets_per_s=0.001))
    for turn in range(20):
        client.say(request(2 * turn + 1, fields=changed(REQUEST, grpc_timeout=timeout)))
        client.now_us += wait_us
        client.say(frames.rst_stream(2 * turn + 1, ErrorCode.CANCEL))
    assert client.alive() is not blamed


def test_a_client_that_makes_calls_earns_more_of_them() -> None:
    client = RawClient(Bounds(max_control_frames=10, control_frames_per_s=0.001))
    for turn in range(100):
        (event,) = client.say(request(2 * turn + 1), *[frames.ping(bytes(8))] * PER_CALL)
        client.core.respond(event[1], head_block(()), b"pong", OK_TRAILERS)
        client.heard()
    assert client.core.fault is None


def test_large_window_updates_are_paid_for_by_data_and_no_others_are_free() -> None:
    client = RawClient(Bounds(max_control_frames=3, control_frames_per_s=0.001))
    ((_, stream, _),) = client.say(request(1))
    client.core.respond(stream, head_block(()), bytes(10 * 1024), OK_TRAILERS)
    client.core.controls.calls = 0
    assert _flood(client, 20 + 2, lambda turn: frames.window_update(0, 1024))
    assert not _flood(client, 1, lambda turn: frames.window_update(0, 1024))


def test_large_window_updates_of_closed_streams_are_never_paid_for() -> None:
    client = RawClient(Bounds(max_control_frames=3, control_frames_per_s=0.001))
    ((_, stream, _),) = client.say(request(1))
    client.core.respond(stream, head_block(()), bytes(10 * 1024), OK_TRAILERS)
    client.core.controls.calls = 0
    assert not _flood(client, 4, lambda turn: frames.window_update(1, 1024))


@pytest.mark.parametrize("served", [True, False])
def test_calls_that_are_served_earn_resets(served: bool) -> None:
    client = RawClient(Bounds(max_resets=5, resets_per_s=0.001))
    for turn in range(20):
        for _, stream, _ in client.say(request(4 * turn + 1) if served else headers(4 * turn + 1, REQUEST, ends=True)):
            client.core.respond(stream, head_block(()), b"pong", OK_TRAILERS)
        client.say(headers(4 * turn + 3, REQUEST), frames.rst_stream(4 * turn + 3, ErrorCode.CANCEL))
    assert client.alive() is served


def test_bombs_on_many_streams_of_one_read_share_what_it_may_decompress() -> None:
    client = RawClient(Bounds(max_decompressed_bytes=100_000))
    body = gzip.compress(bytes(90_000))
    said = b"".join(
        headers(number, changed(REQUEST, grpc_encoding="gzip"))
        + data(number, b"\1" + len(body).to_bytes(4, "big") + body, ends=True)
        for number in (1, 3, 5)
    )
    assert len(client.say(said)) == 1
    assert [code for code, _ in client.statuses()] == [RESOURCE_EXHAUSTED] * 2


def test_empty_data_does_not_keep_a_request() -> None:
    client = RawClient(Bounds(request_timeout_s=60.0))
    client.say(headers(1, REQUEST))
    client.now_us += 59 * SECOND_US
    client.say(data(1, b""))
    client.core.tick(client.now_us + 2 * SECOND_US)
    assert client.core.streams == {}


@pytest.mark.parametrize(("fields", "counted"), [([("x", "y")], 0), ([(":path", "/a/b")], 1)])
def test_trailers_are_no_head_and_have_no_pseudo_headers(fields: list[tuple[str, str]], counted: int) -> None:
    client = RawClient()
    client.say(headers(1, REQUEST), data(1, b"\0\0\0\0\0"), headers(1, fields, ends=True))
    assert (client.refused["malformed_headers"], 1 in client.core.streams) == (counted, not counted)


@pytest.mark.parametrize("kind", ["ping", "trailers", "refused"])
def test_answers_that_the_client_does_not_read_are_bounded(kind: str) -> None:
    client = RawClient(Bounds(max_unsent_controls=5, max_concurrent_streams=1))
    client.say(headers(1, REQUEST))
    client.core.outbox.writable = False

    def said(turn: int) -> bytes:
        if kind == "ping":
            return frames.ping(bytes(8))
        return headers(2 * turn + 3, changed(REQUEST, grpc_timeout="soon") if kind == "trailers" else REQUEST, True)

    if kind == "trailers":
        client.core.reset(client.core.streams[1], ErrorCode.CANCEL)
    for turn in range(5 - (kind == "trailers")):
        client.say(said(turn))
        assert client.heard() == []
    assert client.alive()
    client.say(said(5))
    assert client.core.fault is not None
    assert client.core.fault.code is CALM
    assert client.heard()[-1].kind == frames.GOAWAY


def test_commands_of_the_owner_never_raise_when_the_client_does_not_read() -> None:
    client = RawClient(Bounds(max_unsent_controls=1))
    for number in (1, 3, 5, 7):
        client.say(request(number))
    client.core.outbox.writable = False
    client.core.drain(client.now_us)
    for _, stream, _ in client.events[:3]:
        client.core.reset(stream, ErrorCode.CANCEL)
    client.core.respond_without(client.events[3][1], tail_block(5, "", (), alone=True))
    client.core.tick(client.now_us)
    assert client.core.fault is not None
    assert client.core.fault.code is CALM


def test_the_compression_table_stays_within_what_we_announced() -> None:
    client = RawClient(Bounds(max_header_table_bytes=200))
    client.say(headers(1, []), frame(frames.HEADERS, 4, 3, b"\x3f\xa9\x01" + encode_fields(REQUEST)))
    assert client.alive()
    for turn in range(50):
        literal = b"\x40\x01a\x10" + f"value {turn:10}".encode()
        client.say(frame(frames.HEADERS, 4, 2 * turn + 5, encode_fields(REQUEST) + literal))
    decoder = client.core._heads._decoder
    assert isinstance(decoder, OwnDecoder)
    assert 0 < decoder._used_bytes <= 200
    client.say(frame(frames.HEADERS, 4, 999, b"\x3f\xaa\x01"))
    assert client.core.fault is not None
    assert client.core.fault.code is ErrorCode.COMPRESSION_ERROR


@pytest.mark.parametrize("most", [0, 4])
def test_no_more_header_blocks_are_cached_than_the_bound(most: int) -> None:
    client = RawClient(Bounds(max_cached_blocks=most))
    for turn in range(20):
        client.say(request(2 * turn + 1, fields=changed(REQUEST, x=str(turn))))
        assert len(client.core._heads._blocks) <= most
    assert len(client.events) == 20
