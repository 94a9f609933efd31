"""Whatever raises while a batch is built, sent or answered: its slot is freed, and its members go on alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.call import Call, Deadline, Message
from gateway.errors import Failure
from tests.unit.gateway.batching.stage import FLOAT, HEADERS, Stage, predict_message

ON = BatchPolicy(mode=BatchMode.ON)
AUTO = BatchPolicy(mode=BatchMode.AUTO)


class FaultyStage(Stage):
    """Sending the messages in `faulty` raises; so does asking for slots while `slots_fail`."""

    def __init__(self, policy: BatchPolicy, faulty: tuple[int, ...] = ()) -> None:
        super().__init__(policy)
        self.faulty = faulty

    def offer_impossible(self, name: str) -> None:
        """A caller whose values are not what its features say: with others they can't be joined."""
        call = Call("Predict", predict_message([5]), (), Deadline(), 0, partial(self._finish, name))
        self._names[call] = name
        member = Member(call, (), (("x", FLOAT, (1,)),), 1, 4, HEADERS)
        self.batcher.offer(LaneKey("pool", "digits", 7, "serving_default", (), (("x", FLOAT, (1,)),)), member)

    def _send(
        self, key: LaneKey, message: Message, deadline: Deadline, done: Callable[[bytes | None, Failure | None], None]
    ) -> Callable[[], None]:
        if self._number + 1 in self.faulty:
            self._number += 1
            raise OSError(f"message {self._number}")
        return super()._send(key, message, deadline, done)


def test_a_join_that_cannot_be_built_leaves_nobody_behind_and_no_slot_taken() -> None:
    stage = FaultyStage(ON)
    stage.offer("victim", [1])
    stage.offer_impossible("culprit")
    with pytest.raises(IndexError):
        stage.loop.turn()
    assert stage.take_events() == "victim runs alone: None\nculprit runs alone: None"
    assert stage.batcher.slots_in_use() == [("pool", 0, 1)]
    stage.offer("later", [2])
    stage.loop.turn()
    assert stage.take_events() == "send 1 x=2"


def test_padding_that_cannot_be_made_leaves_nobody_behind_and_no_slot_taken() -> None:
    stage = FaultyStage(BatchPolicy(mode=BatchMode.ON, max_batch_size=8, allowed_batch_sizes=(8,)))
    stage.offer("victim", [1])
    stage.offer_impossible("culprit")
    with pytest.raises(ValueError, match="zip"):
        stage.loop.turn()
    assert stage.take_events() == "victim runs alone: None\nculprit runs alone: None"
    assert not stage.batcher.busy()
    assert stage.counters.of("digits", 7).batches == 0


@pytest.mark.parametrize("callers", [1, 2])
def test_other_lanes_leave_although_a_send_raised_before_their_turn(callers: int) -> None:
    stage = FaultyStage(ON, faulty=(1,))
    for name in ("a", "b")[:callers]:
        stage.offer(name, [1])
    stage.offer("other", [2], lane=2)
    with pytest.raises(OSError, match="message 1"):
        stage.loop.turn()
    alone = [f"{name} runs alone: None" for name in ("a", "b")[:callers]]
    assert stage.take_events().split("\n") == alone
    stage.loop.turn()
    assert stage.take_events() == "send 2 x=2"
    stage.answer(2)
    assert not stage.batcher.busy()


def test_a_trials_join_that_cannot_be_built_ends_the_trial_and_says_nothing() -> None:
    stage = FaultyStage(AUTO)
    stage.offer("a", [1])
    stage.offer_impossible("b")
    stage.loop.turn()
    stage.answer(1)
    with pytest.raises(IndexError):
        stage.answer(2)
    assert stage.take_events() == "send 1 x=1\nsend 2 x=5\na gets y=10\nb gets y=50"
    _check_that_a_trial_can_begin(stage, first=3)


def test_a_trials_join_that_cannot_be_sent_ends_the_trial_and_says_nothing() -> None:
    stage = FaultyStage(AUTO, faulty=(3,))
    stage.offer("a", [1])
    stage.offer("b", [2])
    stage.loop.turn()
    stage.answer(1)
    with pytest.raises(OSError, match="message 3"):
        stage.answer(2)
    _check_that_a_trial_can_begin(stage, first=4)


def test_a_trials_member_that_cannot_be_sent_runs_on_and_the_others_are_sent() -> None:
    stage = FaultyStage(AUTO, faulty=(1, 2))
    for name in "abc":
        stage.offer(name, [ord(name)])
    with pytest.raises(OSError, match="message"):
        stage.loop.turn()
    assert stage.take_events() == "a runs alone: None\nb runs alone: None\nsend 3 x=99"
    stage.answer(3)
    _check_that_a_trial_can_begin(stage, first=4)


def test_deadlines_are_kept_although_a_look_raised() -> None:
    stage = FaultyStage(ON, faulty=(2,))
    stage.offer("in flight", [1])
    stage.loop.turn()
    stage.offer("waiting", [2], deadline_us=500, lane=2)
    stage.offer("also", [3], lane=3)
    stage.slots = 2
    stage.batcher.slots_changed("pool")
    with pytest.raises(OSError, match="message 2"):
        stage.loop.turn()
    stage.slots = 1
    stage.take_events()
    stage.offer("late", [2], deadline_us=500, lane=2)
    stage.loop.advance_us(500)
    assert "late fails: DeadlineExceeded" in stage.take_events()


def test_a_reply_that_cannot_be_looked_at_is_nobodys_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[bytes]:
        raise RuntimeError("a fault in the cut")

    stage = FaultyStage(ON)
    stage.offer("a", [1])
    stage.offer("b", [2])
    stage.loop.turn()
    monkeypatch.setattr("gateway.batching.joined.cut_response", broken)
    with pytest.raises(RuntimeError):
        stage.answer(1)
    assert stage.take_events() == "send 1 x=1,2\na runs alone: None\nb runs alone: None"
    assert not stage.batcher.busy()


def _check_that_a_trial_can_begin(stage: Stage, first: int) -> None:
    ((_, proof),) = stage.batcher.proofs()
    assert (proof.trial_running, proof.strikes, proof.off_reason) == (False, 0, None)
    assert not stage.batcher.busy()
    stage.take_events()
    stage.offer("next", [1])
    stage.offer("after", [2])
    stage.loop.turn()
    assert stage.take_events() == f"send {first} x=1\nsend {first + 1} x=2"
    assert proof.trial_running
