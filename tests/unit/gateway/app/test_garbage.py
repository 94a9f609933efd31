"""What ended calls leave behind over our own transport: nothing, without the garbage collector's help."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import grpc
import pytest

from gateway.call import Call
from gateway.errors import Failure, InvalidRequest
from gateway.http2.stream import Stream
from gateway.server.http2 import Exchange as Served
from gateway.server.listen import Listen
from gateway.telemetry.counters import Counters
from gateway.upstream.http2 import Exchange as Sent
from gateway.upstream.policy import Transport, UpstreamPolicy
from tests.fakes.behaviour import Fault
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import PREDICT, predict_message
from tests.fakes.transports import connected, make_server
from tests.fakes.waiting import until

MESSAGE = predict_message().SerializeToString()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left() -> list[str]:
    return [type(found).__name__ for found in gc.get_objects() if isinstance(found, (Call, Stream, Served, Sent))]


@pytest.mark.usefixtures("no_collector")
async def test_a_clients_call_leaves_nothing_however_it_ends() -> None:
    arrived = 0

    def handle(call: Call) -> None:
        nonlocal arrived
        arrived += 1
        if call.message == b"refuse":
            call.fail(InvalidRequest("no"))
        elif call.message != b"hang":
            call.reply(call.message)

    server = make_server(Transport.HTTP2, Listen("127.0.0.1", 0, None, None), handle, Counters())
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
            assert len(await method(bytes(600_000))) == 600_000
            for message, timeout_s in ((b"refuse", 30.0), (b"hang", 0.05)):
                with pytest.raises(grpc.aio.AioRpcError):
                    await method(message, timeout=timeout_s)
            cancelled = method(b"hang")
            await until(lambda: arrived == 3 + 1, "the call to arrive")
            cancelled.cancel()
            await until(lambda: not left(), "every object of the calls to be freed")
    finally:
        await server.stop(0)


@pytest.mark.usefixtures("no_collector")
async def test_a_call_to_a_replica_leaves_nothing_however_it_ends() -> None:
    replica = FakeReplica()
    await replica.start()
    async with connected(replica.address, UpstreamPolicy(transport=Transport.HTTP2)) as connection:

        async def call(timeout_s: float) -> Failure | None:
            ended: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
            connection.send(PREDICT, MESSAGE, timeout_s, (), lambda _reply, failure: ended.set_result(failure))
            return await ended

        await call(30)
        replica.inject(Fault(until=asyncio.Event()))
        assert await call(0.05) is not None
        await until(lambda: not left(), "every object of the calls to be freed")
    await replica.stop()
