"""Towards replicas over our own transport: calls that wait for room on a connection, and streams that are refused."""

from __future__ import annotations

import asyncio

from gateway.errors import Fate
from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from gateway.upstream.policy import TlsFiles, UpstreamPolicy
from tests.fakes.raw_wire import RawServer, Wire, reply
from tests.fakes.tensors import PREDICT
from tests.fakes.transports import connected
from tests.fakes.waiting import until
from tests.integration.gateway.sockets.test_replicas import MESSAGE, failure_of, send, towards


async def test_a_call_that_waits_for_room_goes_when_the_one_before_it_is_taken_back() -> None:
    async def slow(wire: Wire) -> None:
        await wire.hears(frames.RST_STREAM)
        wire.say(reply(wire, 3))
        await wire.ends()

    server = RawServer(slow, (frames.MAX_CONCURRENT_STREAMS, 1))
    async with towards(server) as connection:
        cancel = connection.send(PREDICT, MESSAGE, None, (), lambda *_: None)
        waiting = send(connection, timeout_s=None)
        await until(lambda: any(frame.ends for wire in server.connections for frame in wire.heard), "the first call")
        cancel()
        assert await waiting == (b"pong", None)


async def test_a_call_that_waits_for_room_goes_when_the_replica_allows_more_streams() -> None:
    async def generous(wire: Wire) -> None:
        await wire.hears(frames.DATA, 1)
        wire.say(frames.settings([(frames.MAX_CONCURRENT_STREAMS, 10)]))
        await wire.hears(frames.DATA, 3)
        wire.say(reply(wire, 3))
        await wire.ends()

    server = RawServer(generous, (frames.MAX_CONCURRENT_STREAMS, 1))
    async with towards(server) as connection:
        first = send(connection, timeout_s=None)
        assert await send(connection, timeout_s=None) == (b"pong", None)
        assert not first.done()


async def test_a_refused_stream_says_nothing_of_the_replica_and_is_not_sent_there_again_at_once() -> None:
    seen: list[int] = []

    async def refusing(wire: Wire) -> None:
        while (frame := await wire.frame()) is not None:
            if frame.ends:
                seen.append(frame.stream_id)
                wire.say(frames.rst_stream(frame.stream_id, ErrorCode.REFUSED_STREAM))

    async with towards(RawServer(refusing)) as connection:
        failure = await failure_of(send(connection))
    assert (failure.fate, failure.reached, seen) == (Fate.REFUSED, True, [1])


async def test_a_replica_that_cannot_be_connected_to_was_not_reached() -> None:
    async with connected("127.0.0.1:1", UpstreamPolicy()) as connection:
        failure = await failure_of(send(connection))
    assert (failure.fate, failure.reached) == (Fate.REFUSED, False)


async def test_a_server_name_that_is_none_fails_the_calls_and_says_so() -> None:
    server = RawServer(lambda wire: asyncio.sleep(0))
    async with towards(server, tls=TlsFiles(server_name=".bad")) as connection:
        failure = await failure_of(send(connection, timeout_s=None))
    assert failure.fate is Fate.REFUSED
    assert failure.message.startswith("failed to connect to all addresses; last error: ")
