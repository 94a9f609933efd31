"""SIGTERM drains: who is inside is answered, who watches hears of it; a second signal or a timeout ends it with 1."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.upstream.policy import Transport
from tests.fakes.behaviour import Fault
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import answer_of, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import StartGateway, StartReplica, before, flags, over_both

pytestmark = pytest.mark.slow

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def hang_one(replica: FakeReplica, gateway: GatewayProcess) -> tuple[asyncio.Event, asyncio.Future[object]]:
    """(what lets it go, a call that hangs on the replica)."""
    await gateway.predict(predict_message())
    seen, release = len(replica.calls()), asyncio.Event()
    replica.inject(Fault(until=release))
    call: asyncio.Future[object] = asyncio.ensure_future(gateway.predict(predict_message([1.0, 2.0])))
    await until(lambda: len(replica.calls()) > seen, "the call to arrive")
    return release, call


@over_both
async def test_draining_answers_who_is_inside_and_tells_who_watches(
    start_replica: StartReplica, start_gateway: StartGateway, transport: Transport, tmp_path: Path
) -> None:
    replica = await start_replica()
    gateway = await start_gateway(*before(tmp_path, transport, [replica.address]))
    health: Any = health_pb2_grpc.HealthStub(gateway.channel)  # its types don't know its methods
    watch = health.Watch(health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService"))
    assert (await watch.read()).status == SERVING
    assert (await health.Check(health_pb2.HealthCheckRequest())).status == SERVING
    release, call = await hang_one(replica, gateway)

    gateway.signal(signal.SIGTERM)
    assert (await watch.read()).status == NOT_SERVING
    status, text = await gateway.get("/readyz")
    assert (status, "draining" in text) == (503, True)
    release.set()
    assert await call == (1, answer_of([1.0, 2.0], 1))
    assert await gateway.wait() == 0


async def test_a_second_signal_ends_at_once_with_1(start_replica: StartReplica, start_gateway: StartGateway) -> None:
    replica = await start_replica()
    gateway = await start_gateway(*flags(replica.address))
    _, call = await hang_one(replica, gateway)
    gateway.signal(signal.SIGTERM)
    await until(lambda: "draining" in gateway.log, "the drain to begin")
    gateway.signal(signal.SIGINT)
    assert await gateway.wait() == 1
    assert "second signal" in gateway.log
    with pytest.raises(grpc.aio.AioRpcError):
        await call


@over_both
async def test_calls_cut_off_by_the_drain_timeout_make_the_exit_status_1(
    start_replica: StartReplica, start_gateway: StartGateway, transport: Transport, tmp_path: Path
) -> None:
    replica = await start_replica()
    gateway = await start_gateway(*before(tmp_path, transport, [replica.address], ", drain_timeout_s: 0.2"))
    _, call = await hang_one(replica, gateway)
    gateway.signal(signal.SIGTERM)
    assert await gateway.wait() == 1
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_the_end_of_its_parents_pipe_drains_it(start_replica: StartReplica, start_gateway: StartGateway) -> None:
    gateway = await start_gateway(*flags((await start_replica()).address))
    gateway.end_input()
    assert await gateway.wait() == 0
