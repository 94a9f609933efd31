"""Promises of batching/gate.py: one look at a time is scheduled, never later than needed."""

from __future__ import annotations

from gateway.batching.gate import MAX_EXPANDED_BYTES, Gate
from gateway.batching.member import Member
from gateway.call import NEVER_US, Call, Deadline
from tests.unit.gateway.batching.members import lane_in, member
from tests.unit.gateway.batching.stage import StageLoop


class Looks:
    """A gate with one member waiting, and when it was looked at."""

    def __init__(self) -> None:
        self.loop = StageLoop()
        self.at_us: list[int] = []
        self.gate = Gate("pool", self.loop, lambda gate: self.at_us.append(self.loop.now_us))
        self.gate.window.add(lane_in(self.gate.window), member(1), 0)


def test_however_often_asked_it_looks_once_a_turn() -> None:
    looks = Looks()
    looks.gate.look_soon()
    looks.gate.look_soon()
    looks.loop.turn()
    assert looks.at_us == [0]
    looks.gate.look_soon()
    looks.loop.turn()
    assert looks.at_us == [0, 0]


def test_nobody_waiting_is_nothing_to_look_at() -> None:
    looks = Looks()
    looks.gate.window.empty(looks.gate.window.lanes()[0])
    looks.gate.look_soon()
    assert looks.loop.soon == []


def test_an_earlier_time_replaces_a_later_one_and_not_the_other_way_round() -> None:
    looks = Looks()
    looks.gate.look_at(500, now_us=0)
    looks.gate.look_at(300, now_us=0)
    looks.gate.look_at(400, now_us=0)
    looks.gate.look_at(NEVER_US, now_us=0)
    looks.loop.advance_us(300)
    looks.loop.advance_us(300)
    assert looks.at_us == [300]


def test_a_time_that_has_passed_is_now() -> None:
    looks = Looks()
    looks.gate.look_at(100, now_us=200)
    looks.loop.advance_us(0)
    assert looks.at_us == [0]


def test_a_cancelled_gate_looks_no_more_until_asked() -> None:
    looks = Looks()
    looks.gate.look_soon()
    looks.gate.look_at(10, now_us=0)
    looks.gate.cancel()
    looks.gate.cancel()
    looks.loop.turn()
    looks.loop.advance_us(20)
    assert looks.at_us == []
    looks.gate.look_soon()
    looks.loop.turn()
    assert looks.at_us == [20]


def test_a_slot_that_is_free_is_looked_at() -> None:
    looks = Looks()
    looks.gate.window.in_flight = 1
    looks.gate.release()
    looks.loop.turn()
    assert (looks.gate.window.in_flight, looks.at_us) == (0, [0])


def claiming(nbytes: int, message: bytes = b"few") -> Member:
    """A caller whose request became so many bytes."""
    call = Call("Predict", message, (), Deadline(), 0, lambda message, failure, headers: None)
    return Member(call, (), (), 1, nbytes)


def test_values_that_grew_are_bounded_until_their_calls_end() -> None:
    gate = Looks().gate
    large, small = claiming(MAX_EXPANDED_BYTES - 10), claiming(10)
    assert gate.admit(large)
    assert gate.admit(small)
    assert not gate.admit(claiming(4))
    assert gate.admit(claiming(3))  # its request brought as many
    small.call.reply(b"")
    assert gate.admit(claiming(4))
    large.call.abandon()
    assert gate.expanded_bytes == 4
