"""One caller's trouble is no one else's: callers who share joined calls with it get their right answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from gateway.http2 import frames
from tests.fakes.behaviour import POISONED, Fault
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import answer_of, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.lanes import (
    BAD,
    INNOCENT,
    ROWS,
    WRONG,
    Scene,
    Stranger,
    callers,
    gateway_before,
    outcome,
    requests,
    right,
    row,
    splat,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

INITIAL_WINDOW_SIZE = 4
INVALID_ARGUMENT, DEADLINE_EXCEEDED = 3, 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A lane here is sent when eight callers wait in it, and not before."""
    replica = FakeReplica()
    started: list[GatewayProcess] = []

    async def start(*arguments: str) -> GatewayProcess:
        gateway = GatewayProcess(tmp_path_factory.mktemp("gateway"), *arguments)
        started.append(gateway)
        await gateway.start()
        return gateway

    try:
        address = await replica.start()
        yield Scene(replica, await gateway_before(tmp_path_factory.mktemp("config"), [address], start))
    finally:
        for gateway in started:
            await gateway.stop()
        await replica.stop()


@pytest.fixture
def scene(shared: Scene) -> Scene:
    """As it was at the beginning, but for what the gateway counted."""
    shared.replica.recover()
    shared.replica.received.clear()
    shared.replica.serving.poison = None
    return shared


async def test_a_poisoned_row_fails_alone_and_its_seven_batch_mates_get_their_answers(scene: Scene) -> None:
    scene.replica.serving.poison = BAD
    bisected = await scene.events("bisected")
    calls = callers(scene.gateway, [*INNOCENT, BAD])
    assert await asyncio.gather(*calls) == [*right(INNOCENT), (grpc.StatusCode.INVALID_ARGUMENT, POISONED)]
    batches = scene.batches()
    assert sorted(batches[0]) == [*INNOCENT, BAD]
    assert sorted([len(batch) for batch in batches[1:]]) == [1, 1, 2, 2, 4, 4], "halved, and halved again"
    assert await scene.events("bisected") == bisected + 3


async def test_a_wrong_shape_is_told_to_its_caller_while_the_others_wait_for_their_batch(scene: Scene) -> None:
    calls = callers(scene.gateway, INNOCENT)
    for wrong in (WRONG, predict_message([1.0, 2.0, 3.0], shape=(1, 3)), predict_message(alias="z")):
        assert (await outcome(scene.gateway, wrong))[0] is grpc.StatusCode.INVALID_ARGUMENT
    calls += callers(scene.gateway, [8.0])
    assert await asyncio.gather(*calls) == right([*INNOCENT, 8.0])
    assert [len(batch) for batch in scene.batches()] == [ROWS]


async def test_a_caller_that_leaves_while_waiting_is_not_in_the_batch(scene: Scene) -> None:
    cancelled = await scene.gateway.metric("tidegate_batch_dropped_total", reason="cancelled")
    stranger = await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests([90.0, 91.0]))
    calls = callers(scene.gateway, INNOCENT[:-1])
    await stranger.leaves(streams[:1])
    calls += callers(scene.gateway, INNOCENT[-1:])
    assert await asyncio.gather(*calls) == right(INNOCENT)
    assert await stranger.answers(streams[1:]) == [(0, answer_of(row(91.0), 1))]
    assert sorted(scene.batches()[0]) == [*INNOCENT, 91.0]
    assert await scene.gateway.metric("tidegate_batch_dropped_total", reason="cancelled") == cancelled + 1
    stranger.client.close()


async def test_a_caller_that_leaves_while_its_batch_is_out_takes_nothing_from_its_mates(scene: Scene) -> None:
    answer = asyncio.Event()
    scene.replica.inject(Fault(until=answer))
    stranger = await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests([90.0]))
    calls = callers(scene.gateway, INNOCENT)
    await until(lambda: scene.replica.in_flight == 1, "the batch to be out")
    await stranger.leaves(streams)
    answer.set()
    assert await asyncio.gather(*calls) == right(INNOCENT)
    stranger.client.close()


async def test_a_batch_that_everyone_left_is_called_back_and_its_slot_is_free_for_others(scene: Scene) -> None:
    called_back = await scene.events("called_back")
    scene.replica.inject(Fault(until=asyncio.Event()))
    stranger = await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests([90.0 + number for number in range(ROWS)]))
    await until(lambda: scene.replica.in_flight == 1, "the batch to be out")
    [out] = scene.replica.calls()
    await stranger.leaves(streams)
    await until(lambda: out.cancelled, "the joined call to be called back")
    assert await asyncio.gather(*callers(scene.gateway, [*INNOCENT, 8.0])) == right([*INNOCENT, 8.0])
    assert await scene.events("called_back") == called_back + 1
    stranger.client.close()


async def test_a_caller_whose_time_is_up_hears_so_at_its_deadline_and_is_not_in_the_batch(scene: Scene) -> None:
    stranger = await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests([90.0]), more=(("grpc-timeout", "100m"),))
    assert await stranger.answers(streams) == [(DEADLINE_EXCEEDED, [])]
    assert await asyncio.gather(*callers(scene.gateway, [*INNOCENT, 8.0])) == right([*INNOCENT, 8.0])
    assert [sorted(batch) for batch in scene.batches()] == [[*INNOCENT, 8.0]]
    stranger.client.close()


async def test_a_caller_whose_time_is_up_while_its_batch_is_out_does_not_keep_its_mates(scene: Scene) -> None:
    answer = asyncio.Event()
    scene.replica.inject(Fault(until=answer))
    stranger = await Stranger.connect(scene.gateway)
    streams = await stranger.calls(requests([90.0]), more=(("grpc-timeout", "1S"),))
    calls = callers(scene.gateway, INNOCENT)
    assert await stranger.answers(streams) == [(DEADLINE_EXCEEDED, [])]
    answer.set()
    assert await asyncio.gather(*calls) == right(INNOCENT)
    stranger.client.close()


async def test_a_client_that_does_not_read_keeps_no_one_from_reading(scene: Scene) -> None:
    """It lets nothing be sent to it; its row is in the batch of the others."""
    slow = await Stranger.connect(scene.gateway, (INITIAL_WINDOW_SIZE, 0))
    streams = await slow.calls(requests([90.0]))
    assert await asyncio.gather(*callers(scene.gateway, INNOCENT)) == right(INNOCENT)
    assert await asyncio.gather(*callers(scene.gateway, [*INNOCENT, 8.0])) == right([*INNOCENT, 8.0])
    slow.client.say(frames.window_update(streams[0], 1 << 20))
    assert await slow.answers(streams) == [(0, answer_of(row(90.0), 1))]
    slow.client.close()


async def test_splat_bombs_are_refused_one_by_one_and_small_ones_travel_alone(scene: Scene) -> None:
    bombs = [splat(rows, 2) for rows in (2**46, 2**40, 2**20) for _ in range(30)]
    large = [splat(rows, 2) for rows in (ROWS + 1, 10_000) for _ in range(10)]
    bomber = await Stranger.connect(scene.gateway)
    streams = await bomber.calls([*bombs, *large])
    for _ in range(5):
        assert await asyncio.gather(*callers(scene.gateway, [*INNOCENT, 8.0])) == right([*INNOCENT, 8.0])
    statuses = [status for status, _ in await bomber.answers(streams)]
    assert statuses == [INVALID_ARGUMENT] * len(bombs) + [0] * len(large)
    assert sum(len(batch) == ROWS for batch in scene.batches()) == 5
    bomber.client.close()
