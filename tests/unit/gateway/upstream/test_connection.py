"""One connection over either transport: replies, errors with their fate, and an end for everyone when it closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.upstream.connection import Connection
from gateway.upstream.policy import Transport, UpstreamPolicy
from tests.fakes.behaviour import Fault
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import PREDICT, predict_message
from tests.fakes.transports import BOTH, connected
from tests.fakes.waiting import until

MESSAGE = predict_message().SerializeToString()
Ended = tuple[bytes | None, Failure | None]


@pytest.fixture
async def replica() -> AsyncIterator[FakeReplica]:
    replica = FakeReplica()
    await replica.start()
    yield replica
    await replica.stop()


@pytest.fixture(params=BOTH)
async def connection(replica: FakeReplica, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    async with connected(replica.address, UpstreamPolicy(transport=Transport(request.param))) as connection:
        yield connection


def send(connection: Connection, timeout_s: float | None = 30) -> asyncio.Future[Ended]:
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    connection.send(PREDICT, MESSAGE, timeout_s, (), lambda *end: ended.set_result(end))
    return ended


async def failure_of(ended: asyncio.Future[Ended]) -> UpstreamFailed:
    _, failure = await ended
    assert isinstance(failure, UpstreamFailed)
    return failure


async def test_a_reply_comes_back(connection: Connection) -> None:
    reply, failure = await send(connection)
    assert (bool(reply), failure) == (True, None)


async def test_the_replicas_own_unavailable_is_an_answer(replica: FakeReplica, connection: Connection) -> None:
    replica.inject(Fault(code=grpc.StatusCode.UNAVAILABLE, message="queue full", trailers=(("a", "b"),)))
    failure = await failure_of(send(connection))
    assert (failure.code, failure.message, failure.fate) == (14, "queue full", Fate.ANSWERED)
    assert ("a", "b") in failure.trailers


async def test_a_port_where_nobody_listens_refuses_the_message_unseen(
    replica: FakeReplica, connection: Connection
) -> None:
    await replica.stop()
    assert (await failure_of(send(connection))).fate is Fate.REFUSED


async def test_a_cancelled_message_is_cancelled_at_the_replica_even_in_the_same_turn(
    replica: FakeReplica, connection: Connection
) -> None:
    replica.inject(Fault(until=asyncio.Event(), times=2))
    cancel = connection.send(PREDICT, MESSAGE, None, (), lambda *_: None)
    await until(replica.calls, "the message to arrive")
    cancel()
    connection.send(PREDICT, MESSAGE, None, (), lambda *_: None)()
    await until(lambda: all(call.cancelled for call in replica.calls()), "the replica to hear of it")


@pytest.mark.parametrize("connection", [Transport.GRPCIO], indirect=True)
@pytest.mark.parametrize("value", ["Jos\u00e9", "two\nlines", "\x00"])
async def test_a_header_that_grpc_refuses_to_send_fails_its_own_call_and_no_other(
    connection: Connection, value: str
) -> None:
    """The gateway sends no such header on; our own transport checks nothing twice."""
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    connection.send(PREDICT, MESSAGE, 30, (("x-name", value),), lambda *end: ended.set_result(end))
    failure = await failure_of(ended)
    assert (failure.code, failure.message, failure.fate) == (13, "the call could not be sent", Fate.ANSWERED)
    assert (await send(connection))[1] is None


async def test_a_message_sent_in_the_turn_of_the_close_or_after_it_is_answered(connection: Connection) -> None:
    before = send(connection)
    await connection.close()
    after = send(connection)
    said = [(await failure_of(ended)).message for ended in (before, after)]
    assert said == ["the replica was taken out of service"] * 2


async def test_who_cancelled_is_not_told_of_the_close(replica: FakeReplica, connection: Connection) -> None:
    replica.inject(Fault(until=asyncio.Event(), times=2))
    ends: list[Ended] = []
    cancel = connection.send(PREDICT, MESSAGE, None, (), lambda *end: ends.append(end))
    await until(replica.calls, "the message to arrive")
    kept = send(connection, None)
    cancel()
    await connection.close()
    await failure_of(kept)
    assert ends == []


async def test_who_waits_when_the_connection_is_closed_is_told(replica: FakeReplica, connection: Connection) -> None:
    replica.inject(Fault(until=asyncio.Event()))
    ended = send(connection, None)
    await until(replica.calls, "the message to arrive")
    await connection.close()
    failure = await failure_of(ended)
    assert (failure.code, failure.message) == (14, "the replica was taken out of service")
