"""What the batcher holds on to: expanded values of one upstream within a bound, nothing but answers at the end."""

from __future__ import annotations

import struct

from gateway.batching.counters import BatchCounters
from gateway.batching.gate import MAX_EXPANDED_BYTES
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import Done
from gateway.batching.shell import Batcher
from gateway.call import Call, Deadline
from gateway.errors import NoReplica
from gateway.wire.reasons import Unjoined
from tests.unit.gateway.batching.members import COLUMN
from tests.unit.gateway.batching.stage import Stage, StageLoop, predict_message

ON = BatchPolicy(mode=BatchMode.ON)
AUTO = BatchPolicy(mode=BatchMode.AUTO)


def test_values_that_grew_beyond_what_an_upstream_may_hold_travel_as_they_came() -> None:
    alone: list[Member] = []
    counters = BatchCounters()
    loop = StageLoop()
    batcher = Batcher(
        lambda key, message, deadline, done: None,
        lambda key, member, failure: alone.append(member),
        lambda upstream: 1,
        lambda model: ON,
        counters,
        lambda: 0,
        loop,
    )
    members = []
    for lane in range(3):
        call = Call("Predict", b"few", (), Deadline(), 0, lambda message, failure, headers: None)
        members.append(Member(call, (), COLUMN, 1, MAX_EXPANDED_BYTES // 2))
        batcher.offer(LaneKey("pool", "digits", 7, "serving_default", (), (("x", 1, (lane,)),)), members[-1])
    assert alone == members[2:]
    assert counters.of("digits", 7).unjoined == {Unjoined.TOO_LARGE: 1}


def test_a_trials_join_that_cannot_be_called_back_keeps_its_slot_at_the_end() -> None:
    sent: list[Done] = []
    loop = StageLoop()
    batcher = Batcher(
        lambda key, message, deadline, done: sent.append(done),
        lambda key, member, failure: None,
        lambda upstream: 1,
        lambda model: AUTO,
        BatchCounters(),
        lambda: 0,
        loop,
    )
    for value in (1, 2):
        call = Call("Predict", predict_message([value]), (), Deadline(), 0, lambda message, failure, headers: None)
        member = Member(call, (struct.pack("<f", value),), COLUMN, 1, 4)
        batcher.offer(LaneKey("pool", "digits", 7, "serving_default", (), COLUMN), member)
    loop.turn()
    for done in sent[:2]:
        done(b"", None)
    batcher.close()
    assert batcher.busy()
    sent[2](None, NoReplica("none is up"))
    assert not batcher.busy()


def test_many_callers_who_leave_at_once_leave_nothing_behind() -> None:
    stage = Stage(ON)
    for index in range(1000):
        stage.offer(f"caller {index}", [index])
    for call in stage.calls.values():
        call.abandon()
    stage.loop.turn()
    assert stage.sent == {}
    assert not stage.batcher.busy()
    assert stage.counters.of("digits", 7).cancelled == 1000
