"""What a server's connection does when time passes: timeouts, keepalive, age, and draining in two stages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.connection import DRAINING
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import INTERNAL
from gateway.http2.keepalive import PAYLOAD as KEEPALIVE
from gateway.http2.responses import OK_TRAILERS, head_block
from gateway.http2.server_time import DRAIN_ANSWER_US
from tests.unit.gateway.http2.peers import (
    REQUEST,
    SECOND_US,
    STREAMING_PATH,
    Frame,
    RawClient,
    changed,
    data,
    headers,
    prefixed,
    request,
)

FIRST = [
    Frame(frames.GOAWAY, 0, 0, frames.MAX_STREAM_ID.to_bytes(4, "big") + bytes(4)),
    Frame(frames.PING, 0, 0, DRAINING),
]


def _second(last_id: int) -> Frame:
    return Frame(frames.GOAWAY, 0, 0, last_id.to_bytes(4, "big") + bytes(4))


def _tick(client: RawClient, seconds: float) -> list[Frame]:
    """Time passes; what is sent then."""
    client.now_us += int(seconds * SECOND_US)
    client.core.tick(client.now_us)
    return client.heard()


def _answer(client: RawClient, message: bytes = b"pong") -> None:
    client.core.respond(client.events[-1][1], head_block(()), message, OK_TRAILERS)


def test_a_client_that_never_says_settings_is_let_go_after_the_preface_timeout() -> None:
    client = RawClient(Bounds(preface_timeout_s=10.0), opened=False)
    client.heard()
    assert _tick(client, 10.0) == []
    (goaway,) = _tick(client, 0.1)
    assert (goaway.kind, goaway.code) == (frames.GOAWAY, ErrorCode.NO_ERROR)
    assert client.core.finished
    assert client.refused == {"preface_timeout": 1}


def test_a_request_whose_rest_does_not_come_ends_and_each_byte_gives_it_more_time() -> None:
    client = RawClient(Bounds(request_timeout_s=60.0))
    client.say(headers(1, REQUEST))
    assert _tick(client, 60.0) == []
    client.say(data(1, prefixed(b"ping")[:3]))
    assert _tick(client, 60.0) == []
    client.core.tick(client.now_us + SECOND_US)
    assert client.statuses()[0][0] == INTERNAL
    assert client.core.streams == {}
    assert client.refused == {"request_timeout": 1}


def test_a_page_that_nobody_takes_is_not_sent_behind_its_end() -> None:
    client = RawClient()
    client.say(request(1))
    _answer(client, bytes(65_530))  # spends the connection's window
    client.say(headers(3, changed(REQUEST, _method="GET")), data(3, bytes(70_000)))
    client.heard()
    _tick(client, 61.0)
    client.say(frames.window_update(0, 10_000))
    assert client.heard_of(frames.DATA) == []
    assert client.core.streams == {}


@pytest.mark.parametrize("said", [request(1), headers(1, changed(REQUEST, _path=STREAMING_PATH))])
def test_whole_requests_and_streaming_ones_may_take_their_time(said: bytes) -> None:
    client = RawClient(Bounds(request_timeout_s=60.0))
    client.say(said)
    assert _tick(client, 1000.0) == []
    assert len(client.core.streams) == 1


def _full(client: RawClient) -> None:
    """The client's window is spent, and more is owed to it."""
    client.say(request(1))
    client.core.respond(client.events[0][1], head_block(()), bytes(100_000), OK_TRAILERS)
    client.heard()


@pytest.mark.parametrize("how", ["window", "socket"])
def test_a_client_that_takes_no_byte_of_what_it_is_owed_is_let_go(how: str) -> None:
    client = RawClient(Bounds(write_timeout_s=60.0))
    _tick(client, 1.0)
    if how == "window":
        _full(client)
    else:
        client.core.outbox.writable = False
    for _ in range(60):
        _tick(client, 1.0)
    assert client.core.fault is None
    _tick(client, 1.0)
    _tick(client, 1.0)
    assert client.refused["write_timeout"] == 1
    assert client.core.finished


def test_a_client_that_takes_a_byte_now_and_then_is_served() -> None:
    client = RawClient(Bounds(write_timeout_s=60.0))
    _full(client)
    for _ in range(5):
        _tick(client, 59.0)
        client.say(frames.window_update(1, 1), frames.window_update(0, 1))
        _tick(client, 1.0)
    assert client.core.fault is None


def test_a_client_that_is_owed_nothing_may_be_silent() -> None:
    client = RawClient(Bounds(write_timeout_s=60.0, idle_timeout_s=None))
    _tick(client, 1000.0)
    _tick(client, 1000.0)
    assert client.core.fault is None


def test_an_idle_client_is_asked_to_go_and_one_with_calls_is_not() -> None:
    client = RawClient(Bounds(idle_timeout_s=100.0, keepalive_s=None))
    client.say(request(1))
    assert _tick(client, 1000.0) == []
    client.say(frames.ping(bytes(8)))
    _answer(client)
    client.heard()
    assert _tick(client, 100.0) == []
    assert _tick(client, 1.0) == FIRST


def test_an_old_connection_is_asked_to_go_and_ended_after_its_grace() -> None:
    client = RawClient(Bounds(max_age_s=100.0, age_grace_s=10.0, keepalive_s=None))
    client.say(request(1))
    assert _tick(client, 100.0) == []
    assert _tick(client, 0.5) == FIRST
    assert _tick(client, 9.5) == [_second(1)]
    assert not client.core.finished
    (goaway,) = _tick(client, 0.1)
    assert goaway.code == ErrorCode.NO_ERROR
    assert client.core.finished


def test_no_limit_of_age_and_idleness_is_none() -> None:
    client = RawClient(Bounds(idle_timeout_s=None, max_age_s=None))
    assert _tick(client, 10_000_000.0) == []


def test_a_quiet_client_with_calls_open_is_asked_whether_it_lives() -> None:
    client = RawClient(Bounds(keepalive_s=30.0, keepalive_timeout_s=5.0))
    client.say(request(1))
    assert _tick(client, 30.0) == []
    assert _tick(client, 1.0) == [Frame(frames.PING, 0, 0, KEEPALIVE)]
    assert _tick(client, 5.0) == []
    client.say(frames.ping_ack(KEEPALIVE))
    assert _tick(client, 30.0) == []
    assert _tick(client, 1.0) == [Frame(frames.PING, 0, 0, KEEPALIVE)]
    client.say(frames.window_update(0, 5000))
    _tick(client, 5.1)
    assert client.core.finished


def test_without_calls_and_without_a_bound_nobody_is_asked() -> None:
    client = RawClient(Bounds(keepalive_s=30.0, idle_timeout_s=None))
    assert _tick(client, 1000.0) == []
    client = RawClient(Bounds(keepalive_s=None))
    client.say(request(1))
    assert _tick(client, 1000.0) == []


@pytest.mark.parametrize("heard", [True, False], ids=["answered", "unanswered"])
def test_draining_has_two_stages_and_calls_in_flight_are_answered(heard: bool) -> None:
    client = RawClient()
    client.say(request(1))
    client.core.drain(client.now_us)
    client.core.drain(client.now_us)
    assert client.heard() == FIRST
    assert client.core.drain_us is not None
    client.say(request(3))
    assert len(client.core.streams) == 2
    if heard:
        client.say(frames.ping_ack(DRAINING))
        client.say(frames.ping_ack(DRAINING))
        assert client.heard() == [_second(3)]
    else:
        assert _tick(client, DRAIN_ANSWER_US / 1e6) == []
        assert _tick(client, 0.1) == [_second(3)]
    finished = [client.core.finished]
    for _, stream, _ in client.events:
        client.core.respond(stream, head_block(()), b"pong", OK_TRAILERS)
        finished.append(client.core.finished)
    assert finished == [False, False, True]
    assert client.core.fault is None


def test_a_ping_that_only_looks_like_the_drains_changes_nothing() -> None:
    client = RawClient()
    client.say(frames.ping_ack(DRAINING))
    assert client.heard() == []
    assert client.core.drain_us is None


@pytest.mark.parametrize(
    "said",
    [
        request,
        lambda number: headers(number, REQUEST) + data(number, b"") + headers(number, [("x", "y")], ends=True),
    ],
)
def test_calls_that_crossed_the_second_goaway_are_ignored_to_be_sent_elsewhere(said: Callable[[int], bytes]) -> None:
    client = RawClient()
    client.say(request(1))
    client.core.drain(client.now_us)
    client.say(frames.ping_ack(DRAINING))
    client.heard()
    assert client.say(said(3), said(5)) == []
    assert (client.core.fault, client.heard()) == (None, [])
    _answer(client)
    assert client.core.finished


def test_the_goaway_of_a_fault_names_the_last_stream_that_was_taken() -> None:
    client = RawClient()
    client.say(request(1), request(3), data(0, b""))
    assert client.heard()[-1].payload[:4] == b"\0\0\0\3"
