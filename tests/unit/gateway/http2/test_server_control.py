"""Control frames at the server: settings, windows, pings, priorities, and kinds that are unknown."""

from __future__ import annotations

import struct

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.responses import OK_TRAILERS, head_block
from gateway.http2.stream import Kind
from gateway.http2.windows import SAMPLE
from tests.unit.gateway.http2.peers import (
    REQUEST,
    Frame,
    RawClient,
    changed,
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


def test_window_updates_that_are_wrong_for_a_stream_end_only_that_stream() -> None:
    client = RawClient()
    client.say(request(1), request(3), UPDATE(1, 0), UPDATE(3, 2**31 - 1))
    assert [(found.stream_id, found.code) for found in client.heard()] == [(1, P), (3, C)]
    assert client.core.fault is None


def test_more_data_than_the_window_ends_the_stream_and_more_than_the_connections_ends_all() -> None:
    client = RawClient()
    client.say(headers(1, REQUEST), *[data(1, bytes(2**18 + 1))])
    assert [found.code for found in client.heard()] == [C]
    client = RawClient(Bounds(window_bytes=65_535))
    assert client.died_of(headers(1, REQUEST), data(1, bytes(4 * 65_535 + 1))) is C


def test_a_priority_frame_is_read_for_its_faults_only() -> None:
    client = RawClient()
    client.say(frame(frames.PRIORITY, 0, 9, b"\0\0\0\1\7"))
    assert client.heard() == []
    client.say(headers(7, REQUEST), headers(9, REQUEST))
    client.say(frame(frames.PRIORITY, 0, 9, b"\0\0\0\x09\7"), frame(frames.PRIORITY, 0, 7, bytes(4)))
    assert [(found.stream_id, found.code) for found in client.heard()] == [(9, P), (7, F)]
    assert client.core.streams == {}
    client.say(frame(frames.PRIORITY, 0, 7, bytes(4)))
    assert [(found.stream_id, found.code) for found in client.heard()] == [(7, F)]
    assert client.died_of(frame(frames.PRIORITY, 0, 11, bytes(4))) is F  # an idle stream can't be reset


def test_a_ping_comes_back_and_settings_are_confirmed() -> None:
    client = RawClient()
    client.say(frames.ping(b"12345678"), frames.settings([(frames.MAX_FRAME_SIZE, 20_000)]), frames.SETTINGS_ACK)
    assert client.heard() == [
        Frame(frames.PING, frames.ACK, 0, b"12345678"),
        Frame(frames.SETTINGS, frames.ACK, 0, b""),
    ]


def test_unknown_frames_settings_and_flags_mean_nothing() -> None:
    client = RawClient()
    said = frame(0xEE, 0xFF, 3, b"?"), frames.settings([(0xEEEE, 1)]), frames.ping_ack(b"not ours")
    client.say(*said, frame(frames.GOAWAY, 0, 0, struct.pack(">LL", 0, 0) + b"bye"))
    assert client.core.fault is None
    assert client.say(request(1))


def test_a_lowered_window_stops_an_answer_that_began_and_a_raised_one_lets_it_go_on() -> None:
    client = RawClient()
    (event,) = client.say(request(1))
    client.say(frames.settings([(frames.INITIAL_WINDOW_SIZE, 100)]))
    client.core.respond(event[1], head_block(()), bytes(1000), OK_TRAILERS)
    sent = sum(len(found.payload) for found in client.heard_of(frames.DATA))
    client.say(frames.settings([(frames.INITIAL_WINDOW_SIZE, 50)]), UPDATE(1, 50))
    assert (sent, client.heard_of(frames.DATA)) == (100, [])
    client.say(frames.settings([(frames.INITIAL_WINDOW_SIZE, 2000)]))
    assert sum(len(found.payload) for found in client.heard_of(frames.DATA)) == 905


def test_windows_grow_with_what_a_round_trip_brings_for_open_streams_too() -> None:
    client = RawClient(Bounds(window_bytes=65_535))
    client.say(headers(1, REQUEST), headers(3, REQUEST), data(1, prefixed(bytes(500_000))[:60_000]))
    assert [found.payload for found in client.heard_of(frames.PING)] == [SAMPLE]
    client.say(data(1, bytes(60_000)), frames.ping_ack(SAMPLE))
    (grown,) = client.heard_of(frames.SETTINGS)
    size = int.from_bytes(grown.payload[2:], "big")
    assert size == 2 * 65_535
    client.say(data(3, prefixed(bytes(size - 5)), ends=True))
    assert [kind for kind, _, _ in client.events] == [Kind.REQUEST]
    client.say(frames.ping_ack(SAMPLE))
    assert client.heard_of(frames.SETTINGS) == []


def test_a_lowered_header_table_is_confirmed_by_the_next_block() -> None:
    client = RawClient(None, None, (frames.HEADER_TABLE_SIZE, 100))
    for stream_id, opens in ((1, True), (3, False)):
        (event,) = client.say(request(stream_id))
        client.core.respond(event[1], head_block(()), b"pong", OK_TRAILERS)
        assert (client.heard()[0].payload[:1] == b"\x20") is opens


def test_a_client_may_lower_its_own_table_and_must_keep_to_ours() -> None:
    client = RawClient()
    client.say(frame(frames.HEADERS, 4, 1, b"\x20" + encode_fields(REQUEST)))
    assert client.core.fault is None
    assert client.died_of(frame(frames.HEADERS, 4, 3, b"\x3f\xe2\x1f" + encode_fields(REQUEST))) is (
        ErrorCode.COMPRESSION_ERROR
    )


def test_a_malformed_value_is_a_streams_fault() -> None:
    client = RawClient()
    client.say(headers(1, changed(REQUEST, x="a\0b")))
    assert [found.code for found in client.heard()] == [P]
