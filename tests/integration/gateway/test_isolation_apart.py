"""As test_isolation.py, where the trouble needs replicas or batches of its own kind."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import grpc
import pytest

from tests.fakes.behaviour import AVAILABLE, POISONED, FakeModel, FakeServing, Fault
from tests.fakes.supervisor import Supervisor
from tests.fakes.tensors import answer_of
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import StartGateway, StartReplica
from tests.integration.gateway.lanes import (
    BAD,
    BATCHING,
    INNOCENT,
    ROWS,
    Outcome,
    Stranger,
    callers,
    gateway_before,
    requests,
    right,
    row,
    splat,
    start_scene,
)

pytestmark = pytest.mark.slow

LANES, MAX_LANES = 1000, 256


def settled(held: Path, calls: list[asyncio.Task[Outcome]]) -> bool:
    return held.exists() or all(call.done() for call in calls)


async def test_a_lane_that_is_poisoned_often_runs_unjoined_for_a_while(
    tmp_path: Path, start_replica: StartReplica, start_gateway: StartGateway
) -> None:
    batching = f"{BATCHING}, max_batch_size: {ROWS}, batch_timeout_micros: 500000"
    scene = await start_scene(tmp_path, await start_replica(), start_gateway, batching)
    scene.replica.serving.poison = BAD
    rounds = 0
    while await scene.gateway.metric("tidegate_unjoined_total", reason="poisoned") < ROWS:
        calls = callers(scene.gateway, [*INNOCENT, BAD])
        assert await asyncio.gather(*calls) == [*right(INNOCENT), (grpc.StatusCode.INVALID_ARGUMENT, POISONED)]
        rounds += 1
        assert rounds < 50, scene.gateway.log
    assert await scene.events("poisoned") >= 1


async def test_kill_9_of_a_replica_with_a_batch_in_flight_fails_none_of_its_callers(
    tmp_path: Path, start_gateway: StartGateway
) -> None:
    """Whichever replica gets the batch: the one that holds it is killed."""
    replicas = []
    for number, flags in enumerate((("--hold-on", "1.0"), ())):
        folder = tmp_path / f"replica{number}"
        folder.mkdir()
        replicas.append(Supervisor(folder, *flags))
    try:
        addresses = await asyncio.gather(*(replica.start() for replica in replicas))
        gateway = await gateway_before(tmp_path, addresses, start_gateway)
        await gateway.metric_reaches(2, "tidegate_version_available", model="digits", version="1")
        held = tmp_path / "replica0" / "held"
        numbers = [*INNOCENT, 8.0]
        for _ in range(200):
            calls = callers(gateway, numbers)
            await until(partial(settled, held, calls), "an answer")
            if held.exists():
                break
            assert await asyncio.gather(*calls) == right(numbers)
        assert held.exists(), "the first replica got no batch in 200"
        replicas[0].kill()
        assert await asyncio.gather(*calls) == right(numbers)
        assert sum(replica.deaths for replica in replicas) == 1
    finally:
        await asyncio.gather(*(replica.close() for replica in replicas))


async def test_a_client_that_makes_a_thousand_lanes_keeps_no_one_from_an_early_turn(
    tmp_path: Path, start_replica: StartReplica, start_gateway: StartGateway
) -> None:
    serving = FakeServing({"digits": FakeModel({1: AVAILABLE}, features={1: -1})})
    scene = await start_scene(tmp_path, await start_replica(serving), start_gateway, BATCHING)
    answer = asyncio.Event()
    scene.replica.inject(Fault(until=answer))
    first = callers(scene.gateway, [0.0])
    await until(lambda: scene.replica.in_flight == 1, "the only slot to be taken")
    scene.replica.received.clear()
    stranger, flooder = await Stranger.connect(scene.gateway), await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests(INNOCENT))
    flood = await flooder.calls([splat(1, width) for width in range(3, 3 + LANES)])
    # As many lanes as a model may have are made, one of them the innocents'; the others' calls go by singly.
    alone = LANES - (MAX_LANES - 1)
    await until(lambda: len(scene.replica.received) >= alone, "the calls without a lane")
    assert await scene.gateway.metric("tidegate_unjoined_total", reason="lanes_full") == alone
    answer.set()
    assert await stranger.answers(streams) == [(0, answer_of(row(number), 1)) for number in INNOCENT]
    turn = scene.batches()[alone:].index(INNOCENT)
    assert turn < 8, "of 256 lanes"
    assert await asyncio.gather(*first) == right([0.0])
    assert {status for status, _ in await flooder.answers(flood)} == {0}
    for client in (stranger.client, flooder.client):
        client.close()
