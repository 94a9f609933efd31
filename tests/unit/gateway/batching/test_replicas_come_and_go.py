"""Callers who wait hear of replicas that come and go: world, batcher and journey together."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.app.joins import Joins
from gateway.app.world import World
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.call import Deadline
from gateway.config.load import from_flags
from gateway.errors import Failure
from gateway.limits.suspects import SuspectPolicy, SuspectRules
from gateway.telemetry.counters import Counters
from gateway.upstream.courier import Courier
from gateway.upstream.member import Member
from tests.fakes.transports import make_wiring
from tests.unit.gateway.batching.members import lane_key
from tests.unit.gateway.batching.stage import Stage as BatchStage
from tests.unit.gateway.predict.stage import Stage


def make_world() -> World:
    """In the running loop."""
    return World(from_flags(["127.0.0.1:1"], "127.0.0.1", 0, 0, True), random.Random(7), make_wiring())


@pytest.mark.parametrize("model", ["digits", "a model that no route names"])
async def test_a_change_of_any_model_on_a_replica_lets_waiting_callers_look_at_their_slots(model: str) -> None:
    batching = BatchStage(BatchPolicy(mode=BatchMode.ON))
    world = make_world()
    world.versions_changed("pool", model)  # nothing is composed yet
    world.context = Stage([1]).context
    world.context.batcher = batching.batcher
    batching.offer("a", [1])
    batching.loop.turn()
    batching.offer("b", [2])
    batching.loop.turn()
    batching.slots = 2
    world.versions_changed("pool", model)
    batching.loop.turn()
    assert batching.events == ["send 1 x=1", "send 2 x=2"]


async def test_callers_who_wait_are_answered_when_no_replica_is_left() -> None:
    """Their batch mate is in flight on a replica that hangs."""
    stage = Stage([1], mode=BatchMode.ON)
    stage.context.batcher._pump._slots = lambda upstream: len(stage.upstream.up)
    hangs = stage.start()
    await asyncio.sleep(0)
    waiting = [stage.start() for _ in range(3)]
    await asyncio.sleep(0)
    assert len(stage.sent()) == 1
    stage.replicas[0].lost()
    stage.context.batcher.slots_changed("pool")
    await asyncio.sleep(0)
    assert [outcome.said for outcome in waiting] == ['NoReplica: upstream "pool": none of its 1 replicas is up'] * 3
    assert (hangs.failure, stage.context.batcher.busy()) == (None, True)


async def test_what_the_batcher_sent_can_be_called_back_from_its_replica() -> None:
    stage = Stage([7])
    world = make_world()
    world.fleet._members["pool"] = Member(stage.upstream, ())
    outcomes: list[tuple[bytes | None, Failure | None]] = []
    joins = Joins(world, stage.context.courier)
    call_back = joins.send(lane_key(), b"", Deadline(), lambda reply, failure: outcomes.append((reply, failure)))
    [(_, sent)] = stage.sent()
    assert call_back is not None
    call_back()
    assert sent.cancelled
    assert (stage.replicas[0].in_flight, outcomes) == (0, [])


async def test_an_upstream_that_is_gone_answers_at_once() -> None:
    failures: list[str] = []
    joins = Joins(make_world(), Courier(SuspectRules(SuspectPolicy()), Counters()))
    assert joins.send(lane_key(), b"", Deadline(), lambda reply, failure: failures.append(str(failure))) is None
    assert failures == ['upstream "pool" is gone from the configuration']
