"""Our raw generator: every call its own, every reply checked whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from hpack import Decoder

from benchmarks import frames
from benchmarks.calls import PREDICT, SMALL, framed
from benchmarks.errors import BenchmarkFailed
from benchmarks.fast_upstream import start
from benchmarks.frames import Splitter
from benchmarks.raw_child import RawChild
from benchmarks.raw_connection import RawConnection
from benchmarks.upstream_connection import Connection
from benchmarks.varied_client import Outcome
from benchmarks.varied_requests import requests
from tests.unit.benchmarks.replies import one_row_reply, write_recordings

REPLY = framed(one_row_reply())
AUTHORITY = "127.0.0.1:8500"


def decoded(calls: int, seed: int | None) -> list[dict[str, str]]:
    """The header fields of one connection's calls."""
    decoder, found = Decoder(), []
    for request in requests(AUTHORITY, framed(b"message"), calls, seed):
        (kind, _, _, block), data = Splitter().split(request)
        assert (kind, data[3]) == (frames.HEADERS, framed(b"message"))
        found.append({str(name): str(value) for name, value in decoder.decode(block)})
    return found


def test_varied_calls_each_have_their_own_user_trace_and_timeout() -> None:
    calls = decoded(200, seed=1)
    assert {call[":path"] for call in calls} == {PREDICT}
    assert len({call["traceparent"] for call in calls}) == 200
    assert len({call["x-user-id"] for call in calls}) > 190
    assert len({call["grpc-timeout"] for call in calls}) > 150
    assert all(len(call["grpc-timeout"]) == 9 and call["grpc-timeout"].endswith("u") for call in calls)


def test_connections_differ_and_are_the_same_in_every_sitting() -> None:
    assert decoded(3, seed=1) == decoded(3, seed=1) != decoded(3, seed=2)


def test_uniform_calls_are_all_alike_and_short_once_their_fields_are_indexed() -> None:
    calls = decoded(5, seed=None)
    assert all(call == calls[0] for call in calls)
    sizes = [len(request) for request in requests(AUTHORITY, b"", 5, None)]
    assert sizes[0] > sizes[1] == sizes[4]


def test_stream_numbers_are_those_of_a_client() -> None:
    streams = [Splitter().split(request)[0][2] for request in requests(AUTHORITY, b"", 4, 1)]
    assert streams == [1, 3, 5, 7]


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    (tmp_path / "replies").mkdir()
    server, bound = await start(write_recordings(tmp_path / "replies"))
    (tmp_path / "request").write_bytes(framed(SMALL.request()))
    (tmp_path / "wrong").write_bytes(framed(b"no request"))
    yield bound
    server.close()


def call_by_child(port: int, payload: Path, reply_bytes: int, varied: bool) -> Outcome:
    with RawChild(port, 3, 30, reply_bytes, payload, varied) as child:
        return child.make_calls(30.0)


@pytest.mark.parametrize("varied", [True, False])
async def test_every_call_is_answered_and_counted_once(port: int, tmp_path: Path, varied: bool) -> None:
    outcome = await asyncio.to_thread(call_by_child, port, tmp_path / "request", len(one_row_reply()), varied)
    assert (outcome.answered, outcome.greeted, outcome.problem) == (30, 3, "")
    assert outcome.wall_s > 0


async def test_replies_of_another_length_and_errors_are_unanswered(port: int, tmp_path: Path) -> None:
    for payload, reply_bytes in (("request", len(one_row_reply()) + 1), ("wrong", len(one_row_reply()))):
        outcome = await asyncio.to_thread(call_by_child, port, tmp_path / payload, reply_bytes, True)
        assert (outcome.answered, outcome.greeted, outcome.problem) == (0, 0, "")


async def test_a_server_that_refuses_connections_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "request").write_bytes(b"")
    with pytest.raises(BenchmarkFailed, match=r"not ready; it said:\n(.|\n)*ConnectionRefusedError"):
        await asyncio.to_thread(call_by_child, 1, tmp_path / "request", 1, False)


async def test_a_connection_that_is_cut_ends_the_calls_with_a_problem(tmp_path: Path) -> None:
    class Cutting(Connection):
        def data_received(self, data: bytes) -> None:
            self._transport.abort()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Cutting(lambda path, parts: REPLY), "127.0.0.1", 0)
    ended = asyncio.Event()
    factory = partial(RawConnection, list(requests(AUTHORITY, b"", 2, 1)), len(REPLY), ended.set)
    _, connection = await loop.create_connection(factory, "127.0.0.1", server.sockets[0].getsockname()[1])
    connection.start(2)
    async with asyncio.timeout(10):
        await ended.wait()
    assert connection.problem.startswith("connection lost")
    assert connection.answered == 0
    server.close()


async def test_replies_wait_for_the_window_and_pings_are_answered() -> None:
    """A client by hand: a connection window of 65,535 bytes holds 6 replies of 10,000 bytes and no more."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(lambda path, parts: bytes(10_000)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    splitter, data_bytes = Splitter(), 0
    writer.write(frames.PREFACE + frames.settings() + b"".join(requests(AUTHORITY, b"x", 10, None)))
    writer.write(frames.frame(frames.PING, 0, 0, b"12345678"))
    widened = False
    async with asyncio.timeout(10):
        while data_bytes < 100_000:
            for kind, flags, _, payload in splitter.split(await reader.read(65536)):
                data_bytes += len(payload) if kind == frames.DATA else 0
                if kind == frames.PING:
                    assert (flags, payload, data_bytes) == (frames.ACK, b"12345678", 60_000)
                    writer.write(frames.window_update(0, 40_000))
                    widened = True
    assert widened
    writer.close()
    server.close()
