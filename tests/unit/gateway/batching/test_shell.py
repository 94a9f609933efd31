"""Promises of batching/shell.py that its transcripts do not show (see test_transcripts.py)."""

from __future__ import annotations

import asyncio
import gc
import struct

import pytest

from gateway.batching.counters import BatchCounters
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import Done
from gateway.batching.shell import Batcher
from gateway.batching.trial import JOIN_TIMEOUT_US
from gateway.call import NEVER_US, Call, Deadline, Headers, Message, monotonic_us
from gateway.errors import Failure, NoReplica
from tests.unit.gateway.batching.members import COLUMN
from tests.unit.gateway.batching.stage import FAILURES, Sent, Stage, predict_message, rowwise

ON = BatchPolicy(mode=BatchMode.ON)
AUTO = BatchPolicy(mode=BatchMode.AUTO)


def test_a_call_that_has_ended_is_not_taken() -> None:
    stage = Stage(ON)
    call = Call("Predict", predict_message([1]), (), Deadline(), 0, lambda message, failure, headers: None)
    call.abandon()
    key = LaneKey("pool", "digits", 7, "serving_default", (), ())
    stage.batcher.offer(key, Member(call, (), (), 1, 4))
    assert not stage.batcher.busy()


def test_a_send_that_fails_before_it_returns_stops_nothing() -> None:
    events: list[str] = []

    def send(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> None:
        done(None, NoReplica("none is up"))

    stage = Stage(ON)
    stage.batcher._desk.send = send
    for name in ("a", "b", "c"):
        stage.offer(name, [1])
    stage.loop.turn()
    events = stage.events
    assert events == [f"{name} runs alone: none is up" for name in ("a", "b", "c")]
    assert not stage.batcher.busy()


def test_a_caller_who_left_a_failed_join_is_not_tried_again() -> None:
    stage = Stage(ON)
    for name in "abc":
        stage.offer(name, [1])
    stage.loop.turn()
    for name in "ab":
        stage.calls[name].abandon()
    stage.fail(1, "lost")
    assert stage.events[1:] == ["c runs alone: the replica died"]
    stage.offer("d", [3])
    stage.loop.turn()
    stage.calls["d"].abandon()
    assert stage.events[2:] == ["send 2 x=3", "call back 2"]
    assert not stage.batcher.busy()


def test_one_callers_broken_transport_is_not_its_batch_mates_trouble() -> None:
    stage = Stage(ON)
    for name in "abcd":
        stage.offer(name, [1])

    def broken(message: bytes | None, failure: Failure | None, headers: Headers) -> None:
        raise OSError("broken")

    for name in "ac":
        stage.calls[name]._finish = broken
    stage.loop.turn()
    with pytest.raises(OSError, match="broken"):
        stage.answer(1)
    assert stage.events[1:] == ["b gets y=10", "d gets y=10"]
    assert not stage.batcher.busy()


@pytest.mark.parametrize("mode", [BatchMode.ON, BatchMode.AUTO])
def test_calls_and_batches_leave_nothing_for_the_garbage_collector(mode: BatchMode) -> None:
    """Answered, failed, halved, called back, split or on trial."""
    stage = Stage(BatchPolicy(mode=mode, max_batch_size=4, enable_large_batch_splitting=True))

    def run_all() -> None:
        for failure in ("", "invalid", "lost", "exhausted"):
            for name in "abcd":
                stage.offer(name, [ord(name)])
            stage.offer("large", [1, 2, 3, 4, 5])
            stage.loop.turn()
            if failure:
                stage.fail(min(stage.sent), failure)
            while stage.sent:
                stage.answer(min(stage.sent))
                stage.loop.turn()
            for call in stage.calls.values():
                call.abandon()  # who was to run alone
        for name in "abcdef":
            stage.offer(name, [ord(name)])
        stage.loop.turn()
        for name in "abcdef":
            stage.calls[name].abandon()
        stage.loop.turn()
        while stage.sent:
            stage.answer(min(stage.sent))
            stage.loop.turn()
        for call in stage.calls.values():
            call.abandon()  # who was to run alone
        stage.calls.clear()
        stage._names.clear()
        stage.events.clear()

    run_all()  # what is made once is made now
    gc.collect()
    gc.disable()
    try:
        run_all()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert not stage.batcher.busy()


def test_slots_in_use_are_told() -> None:
    stage = Stage(ON, slots=3)
    stage.offer("a", [1])
    assert stage.batcher.slots_in_use() == [("pool", 0, 3)]
    stage.loop.turn()
    assert stage.batcher.slots_in_use() == [("pool", 1, 3)]


@pytest.mark.parametrize("killer", ["a", "b", "c"])
def test_a_killer_in_a_trial_meets_one_replica_only(killer: str) -> None:
    """Its fallback makes it a suspect, which others judge."""
    stage = Stage(AUTO)
    deaths: list[tuple[float, ...]] = []

    def send(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> None:
        sent = Sent(message, deadline, done)
        if 666 in sent.x:
            deaths.append(sent.x)
            done(None, FAILURES["lost"])
        else:
            sent.answer(rowwise)

    stage.batcher._desk.send = send
    for name in ("a", "b", "c"):
        stage.offer(name, [666 if name == killer else 1])
    stage.loop.turn()
    assert deaths == [(666,)]
    assert stage.events == [
        f"{name} runs alone: the replica died" if name == killer else f"{name} gets y=10" for name in ("a", "b", "c")
    ]
    assert not stage.batcher.busy()
    assert [proof.state for _, proof in stage.batcher.proofs()] == ["on trial"]


@pytest.mark.parametrize("member_deadline_us", [2_500, 60_000_000, NEVER_US])
def test_a_trials_join_has_a_time_of_its_own_as_nobody_waits_for_it(member_deadline_us: int) -> None:
    stage = Stage(AUTO)
    stage.offer("a", [1], 2_000)
    stage.offer("b", [2], member_deadline_us)
    stage.loop.turn()
    stage.loop.advance_us(1000)
    stage.answer(1)
    stage.answer(2)
    assert stage.sent[3].deadline_us == 1000 + JOIN_TIMEOUT_US


def test_what_cannot_be_called_back_keeps_its_slot_until_it_ends() -> None:
    stage = Stage(ON)
    sent: list[Sent] = []

    def send(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> None:
        sent.append(Sent(message, deadline, done))

    stage.batcher._desk.send = send
    stage.offer("a", [1])
    stage.loop.turn()
    stage.calls["a"].abandon()
    assert stage.batcher.busy()
    sent[0].answer(rowwise)
    assert (stage.batcher.busy(), stage.events) == (False, [])


def test_an_outcome_after_the_call_back_changes_nothing() -> None:
    stage = Stage(ON)
    stage.offer("a", [1])
    stage.loop.turn()
    late = stage.sent[1]
    stage.calls["a"].abandon()
    late.answer(rowwise)
    stage.offer("b", [2])
    stage.loop.turn()
    stage.answer(2)
    assert stage.events == ["send 1 x=1", "call back 1", "send 2 x=2", "b gets y=20"]
    assert not stage.batcher.busy()


def test_slots_of_an_upstream_nobody_called_are_nothing() -> None:
    stage = Stage(ON)
    stage.batcher.slots_changed("other")
    assert stage.loop.soon == []


async def test_on_a_real_loop_callers_of_one_turn_are_joined_and_a_deadline_is_kept() -> None:
    sent: list[Sent] = []
    answers: dict[str, asyncio.Future[Failure | bytes | None]] = {}
    loop = asyncio.get_running_loop()

    def send(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> None:
        sent.append(Sent(message, deadline, done))

    def fall_back(key: LaneKey, member: Member, failure: Failure | None) -> None:
        raise AssertionError("nothing fails here")

    batcher = Batcher(send, fall_back, lambda upstream: 1, lambda model: ON, BatchCounters(), monotonic_us, loop)

    def offer(name: str, value: float, deadline_us: int = NEVER_US) -> None:
        answers[name] = loop.create_future()

        def finish(message: bytes | None, failure: Failure | None, headers: Headers) -> None:
            answers[name].set_result(message or failure)

        message = predict_message([value])
        call = Call("Predict", message, (), Deadline(deadline_us), monotonic_us(), finish)
        key = LaneKey("pool", "digits", 7, "serving_default", (), COLUMN)
        batcher.offer(key, Member(call, (struct.pack("<f", value),), COLUMN, 1, 4))

    offer("a", 1)
    offer("b", 2)
    assert sent == []
    await asyncio.sleep(0)
    assert [message.x for message in sent] == [(1, 2)]
    offer("expires", 3, monotonic_us() + 1000)
    assert "deadline" in str(await asyncio.wait_for(answers["expires"], 10))
    sent[0].answer(rowwise)
    joined = await asyncio.wait_for(asyncio.gather(answers["a"], answers["b"]), 10)
    assert all(isinstance(answer, bytes) for answer in joined)
    batcher.close()
    assert not batcher.busy()
