"""The shield end to end: replicas that die of some inputs, restarted as Kubernetes would, callers all the while."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from gateway.upstream.policy import Transport
from tests.fakes.gateway_process import GatewayProcess, refusal
from tests.fakes.supervisor import Supervisor
from tests.fakes.tensors import answer_of, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import StartGateway, before, over_both

pytestmark = [pytest.mark.slow, over_both]

KILLER = 666.0
CALLERS = 6


@dataclass
class Load:
    """Callers that call without a pause; every answer is checked, every failure kept."""

    gateway: GatewayProcess
    failures: list[str] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    _callers: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        self._callers = [asyncio.create_task(self._call(caller)) for caller in range(CALLERS)]

    async def more(self, calls: int) -> None:
        """Wait until every caller got so many more answers."""
        wanted = {caller: self.answered[caller] + calls for caller in range(CALLERS)}
        await until(
            lambda: self.failures or all(self.answered[caller] >= count for caller, count in wanted.items()),
            f"{calls} more answers for every caller",
        )

    async def stop(self) -> None:
        for caller in self._callers:
            caller.cancel()
        await asyncio.wait(self._callers)

    async def _call(self, caller: int) -> None:
        number = 0
        while True:
            number = (number + 1) % 600
            values = [float(caller), float(number)]
            try:
                _, answer = await self.gateway.predict(predict_message(values))
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")
                continue
            if answer != answer_of(values, 1):
                self.failures.append(f"{values} was answered by {answer}")
            self.answered[caller] += 1


@dataclass(frozen=True, slots=True)
class Scene:
    """Three replicas under supervision, the gateway, the load."""

    replicas: list[Supervisor]
    gateway: GatewayProcess
    load: Load

    @property
    def deaths(self) -> int:
        return sum(replica.deaths for replica in self.replicas)

    async def all_up(self) -> None:
        """Wait until the gateway sees three replicas with the version."""
        await until(lambda: all(replica.alive for replica in self.replicas), "three live replicas")
        await self.gateway.metric_reaches(3, "tidegate_version_available", model="digits", version="1")


@pytest.fixture
async def scene(transport: Transport, tmp_path: Path, start_gateway: StartGateway) -> AsyncIterator[Scene]:
    replicas = []
    for number in range(3):
        folder = tmp_path / f"replica{number}"
        folder.mkdir()
        replicas.append(Supervisor(folder, "--fragile", "--die-on", str(KILLER)))
    try:
        addresses = await asyncio.gather(*(replica.start() for replica in replicas))
        gateway = await start_gateway(*before(tmp_path, transport, addresses))
        load = Load(gateway)
        load.start()
        scene = Scene(replicas, gateway, load)
        await scene.load.more(50)
        await scene.all_up()
        yield scene
        await load.stop()
    finally:
        await asyncio.gather(*(replica.close() for replica in replicas))


async def test_no_replica_dies_of_a_forgotten_batch_dimension(scene: Scene) -> None:
    code, text = await refusal(scene.gateway.predict(predict_message([1.0, 2.0], shape=(2,))))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "is the batch dimension missing?" in text
    await scene.load.more(20)
    assert (scene.deaths, scene.load.failures) == (0, [])


async def test_a_call_that_kills_takes_two_replicas_at_most_and_no_other_caller_notices(scene: Scene) -> None:
    code, text = await refusal(scene.gateway.predict(predict_message([KILLER, 0.0])))
    assert (code, text) == (
        grpc.StatusCode.UNAVAILABLE,
        "this call was in flight when 2 replicas died; it is not sent on",
    )
    await scene.load.more(50)
    await scene.all_up()
    await scene.load.more(20)
    assert scene.load.failures == []
    assert scene.deaths == 2
    # Its shape is everyone's: blocking that would have shut everyone out.
    assert await scene.gateway.metric("tidegate_shield_refused_total", reason="suspect") == 0
    assert await scene.gateway.metric("tidegate_suspects_total", outcome="refused") == 1


async def test_a_shape_that_only_kills_is_blocked_and_others_are_not(scene: Scene) -> None:
    """Seven rows are sent by nobody else, and nobody vouches for them."""
    killer = predict_message([KILLER] * 14)
    assert (await refusal(scene.gateway.predict(killer)))[0] is grpc.StatusCode.UNAVAILABLE
    assert await scene.gateway.metric("tidegate_suspects_total", outcome="blocked") == 1
    code, text = await refusal(scene.gateway.predict(killer))
    assert (code, "refused for a while" in text) == (grpc.StatusCode.UNAVAILABLE, True)
    await scene.load.more(50)
    await scene.all_up()
    assert (scene.deaths, scene.load.failures) == (2, [])


async def test_a_replica_killed_from_outside_costs_no_call(scene: Scene) -> None:
    scene.replicas[0].kill()
    await scene.load.more(50)
    await scene.all_up()
    await scene.load.more(20)
    assert (scene.deaths, scene.load.failures) == (1, [])
