"""Towards replicas over our own transport: lost and refused calls, reconnects, several connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import Fate, UpstreamFailed
from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from gateway.upstream.connection import Connection, Ended
from gateway.upstream.policy import UpstreamPolicy
from tests.fakes.behaviour import Fault
from tests.fakes.raw_wire import RawServer, Wire, reply
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import PREDICT, predict_message
from tests.fakes.transports import connected
from tests.fakes.waiting import until

MESSAGE = predict_message().SerializeToString()


@asynccontextmanager
async def towards(server: RawServer | FakeReplica, **policy: object) -> AsyncIterator[Connection]:
    """A connection to a started server, which is stopped at the end."""
    address = await server.start()
    try:
        async with connected(address, UpstreamPolicy(**policy)) as connection:  # type: ignore[arg-type]  # its fields
            yield connection
    finally:
        await server.stop()


def send(connection: Connection, message: bytes = MESSAGE, timeout_s: float | None = 30) -> asyncio.Future[Ended]:
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    connection.send(PREDICT, message, timeout_s, (), lambda *end: ended.set_result(end))
    return ended


async def failure_of(ended: asyncio.Future[Ended]) -> UpstreamFailed:
    _, failure = await ended
    assert isinstance(failure, UpstreamFailed)
    return failure


async def answering(wire: Wire) -> None:
    """Answers every call as it ends."""
    while (frame := await wire.frame()) is not None:
        if frame.ends:
            wire.say(reply(wire, frame.stream_id))


def has_settings(wire: Wire) -> bool:
    """Whether the client acknowledged ours."""
    return any(frame.kind == frames.SETTINGS and frame.flags & frames.ACK for frame in wire.heard)


async def silent(wire: Wire) -> None:
    """Reads and answers nothing."""
    await wire.ends()


async def test_a_replica_that_returns_is_called_again() -> None:
    replica = FakeReplica()
    async with towards(replica) as connection:
        assert (await send(connection))[1] is None
        address = replica.address
        await replica.stop()
        failure = await failure_of(send(connection))
        assert failure.code == 14
        await replica.start(address)
        answered: list[Ended] = []

        async def answers() -> bool:
            answered.append(await send(connection))
            return answered[-1][1] is None

        while not await answers():
            await asyncio.sleep(0.01)
            assert len(answered) < 1000, "it is never called again"


async def test_what_was_in_flight_when_the_connection_broke_is_lost() -> None:
    server = RawServer(silent)
    async with towards(server) as connection:
        ended = send(connection)
        await until(lambda: any(frame.ends for wire in server.connections for frame in wire.heard), "the call")
        server.connections[0].close()
        assert (await failure_of(ended)).fate is Fate.LOST


async def test_streams_that_a_goaway_refuses_are_sent_again_freely_and_those_taken_are_answered() -> None:
    async def leaving(wire: Wire) -> None:
        if len(server.connections) > 1:
            await answering(wire)
            return
        await wire.hears(frames.DATA, 5)
        wire.say(frames.goaway(1, ErrorCode.NO_ERROR))
        wire.say(reply(wire, 1))
        assert [frame.ends for frame in await wire.ends() if frame.stream_id > 5] == []

    server = RawServer(leaving)
    async with towards(server) as connection:
        ended = [send(connection) for _ in range(3)]
        assert await asyncio.gather(*ended) == [(b"pong", None)] * 3
        assert (await send(connection)) == (b"pong", None)
        assert len(server.connections) == 2


async def test_no_more_calls_at_once_than_the_replica_allows_and_all_are_answered() -> None:
    most = 0

    async def two_at_once(wire: Wire) -> None:
        nonlocal most
        waiting: list[int] = []
        while (frame := await wire.frame()) is not None:
            if frame.ends:
                waiting.append(frame.stream_id)
                most = max(most, len(waiting))
                asyncio.get_running_loop().call_later(0.005, lambda: wire.say(reply(wire, waiting.pop(0))))

    server = RawServer(two_at_once, (frames.MAX_CONCURRENT_STREAMS, 2))
    async with towards(server) as connection:
        ended = await asyncio.gather(*(send(connection) for _ in range(20)))
        assert (ended, most) == ([(b"pong", None)] * 20, 2)


async def test_calls_that_wait_for_room_are_sent_on_a_new_connection_when_theirs_breaks() -> None:
    async def one_then_gone(wire: Wire) -> None:
        if len(server.connections) > 1:
            await answering(wire)
        else:
            await wire.hears(frames.DATA)
            wire.close()

    server = RawServer(one_then_gone, (frames.MAX_CONCURRENT_STREAMS, 1))
    async with towards(server) as connection:
        lost, waited = send(connection), send(connection)
        assert (await failure_of(lost)).fate is Fate.LOST
        assert await waited == (b"pong", None)


async def test_several_connections_share_the_calls() -> None:
    server = RawServer(silent)
    async with towards(server, connections_per_replica=3) as connection:
        first = send(connection)
        await until(lambda: len(server.connections) == 3, "all connections")
        await until(lambda: all(map(has_settings, server.connections)), "all to be ready")
        ended = [first, *(send(connection) for _ in range(8))]

        def shares() -> list[int]:
            return [sum(frame.ends for frame in wire.heard) for wire in server.connections]

        await until(lambda: sum(shares()) == 9, "all calls")
        assert shares() == [3, 3, 3]
        for wire in server.connections:
            wire.say(*(reply(wire, frame.stream_id) for frame in wire.heard if frame.ends))
        assert await asyncio.gather(*ended) == [(b"pong", None)] * 9


@pytest.mark.parametrize("size", [10, 5_000_000])
async def test_a_call_whose_time_is_up_is_taken_back_from_the_replica(size: int) -> None:
    server = RawServer(silent)
    async with towards(server) as connection:
        failure = await failure_of(send(connection, bytes(size), 0.2))
        assert (failure.code, failure.message) == (4, "Deadline Exceeded")
        wire = server.connections[0]
        await until(lambda: any(frame.kind == frames.RST_STREAM for frame in wire.heard), "its end to be told")


async def test_a_cancelled_call_that_waits_for_a_connection_is_never_sent() -> None:
    server = RawServer(answering)
    async with towards(server) as connection:
        connection.send(PREDICT, MESSAGE, None, (), lambda *_: None)()
        assert await send(connection) == (b"pong", None)
        assert sum(frame.ends for frame in server.connections[0].heard) == 1


async def test_closing_leaves_no_socket_and_tells_who_waits() -> None:
    replica = FakeReplica()
    async with towards(replica) as connection:
        replica.inject(Fault(until=asyncio.Event()))
        ended = send(connection)
        await until(replica.calls, "the call to arrive")
        await connection.close()
        assert (await failure_of(ended)).message == "the replica was taken out of service"
        await until(lambda: replica.calls()[0].cancelled, "the replica to hear of it")
