"""Promises of bisection at work: it holds no more than the slots did, and in the end everyone has an answer."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from gateway.batching.policy import BatchMode, BatchPolicy
from tests.unit.gateway.batching.stage import Stage

MEMBERS, LANES = 4, 5


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("seed", range(8))
def test_halves_of_a_lane_hold_no_more_callers_than_the_slots_did_and_nobody_is_lost(slots: int, seed: int) -> None:
    chance, callers = Random(seed), 0
    stage = Stage(BatchPolicy(mode=BatchMode.ON, max_batch_members=MEMBERS), slots)
    for step in range(600):
        for _ in range(chance.randrange(4) if step < 300 else 0):
            callers += 1
            stage.offer(f"caller {callers}", [float(callers)], lane=chance.randrange(1, LANES + 1))
        stage.loop.turn()
        for number in sorted(stage.sent, key=lambda each: chance.random())[: chance.randrange(1, 3)]:
            if chance.random() < 0.6:
                stage.fail(number, "invalid")
            else:
                stage.answer(number)
        if chance.random() < 0.3 and callers:
            stage.calls[f"caller {chance.randrange(1, callers + 1)}"].abandon()
        stage.loop.turn()
        [gate] = stage.batcher._gates.values() if callers else [None]
        if gate is not None:
            held = Counter[object]()
            for half in gate.window._halves.all():
                held[half.lane.key] += len(half.members)
            assert max(held.values(), default=0) <= slots * MEMBERS
            assert gate.window.in_flight == len(stage.sent) <= slots
    while stage.sent:
        stage.answer(min(stage.sent))
        stage.loop.turn()
    assert not stage.batcher.busy()
    assert all(call.ended for name, call in stage.calls.items() if f"{name} runs alone: None" not in stage.events)
