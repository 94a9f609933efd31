"""A caller who is alone, again and again, leaves at once."""

from __future__ import annotations

from gateway.batching.gate import QUIET_AFTER
from gateway.batching.policy import BatchMode, BatchPolicy
from tests.unit.gateway.batching.stage import Stage

ON = BatchPolicy(mode=BatchMode.ON)


def test_who_comes_alone_again_and_again_need_not_wait_for_the_end_of_the_turn() -> None:
    stage = Stage(ON, slots=2)
    for number in range(1, QUIET_AFTER + 1):
        stage.offer(f"lone {number}", [1])
        assert number not in stage.sent
        stage.loop.turn()
        stage.answer(number, "rowwise")
    first = QUIET_AFTER + 1
    stage.offer("next", [1])
    assert first in stage.sent
    stage.offer("mate", [2])  # something is out: the turn's end, as ever
    stage.offer("other", [3])
    assert list(stage.sent) == [first]
    stage.loop.turn()
    assert stage.sent[first + 1].x == (2, 3)
    for number in (first, first + 1):
        stage.answer(number, "rowwise")
    stage.offer("later", [4])  # callers meet here
    assert not stage.sent
    assert not stage.batcher.slots_in_use()[0][1]
