"""Promises of batching/window.py about halves of failed joins: they take turns with lanes, and hold what they cost."""

from __future__ import annotations

from gateway.batching.half import Bisection, halves
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.policy import BatchPolicy
from gateway.batching.window import Window
from tests.unit.gateway.batching.members import add, due, lane_in, lane_key, member

POLICY = BatchPolicy()


def halved(window: Window, *members: Member) -> Lane:
    """The members left in a joined call that failed; its lane is gone."""
    lane = lane_in(window, 9)
    window.add_halves(halves(lane, list(members), Bisection(), window))
    return lane


def test_halves_leave_in_order_and_hold_a_slot_each() -> None:
    window = Window()
    members = [member(1), member(2), member(3)]
    halved(window, *members)
    assert window.members == 3
    taken = [half.members for half in (window.take_half(0), window.take_half(0)) if half is not None]
    assert taken == [members[:2], members[2:]]
    assert window.take_half(0) is None
    assert (window.members, window.in_flight) == (0, 2)
    assert [entry.holder for entry in members] == [None] * 3


def test_members_leave_a_half_and_the_last_takes_it_along() -> None:
    window = Window()
    first, second, late = member(1), member(2), member(3, deadline_us=500)
    lane = halved(window, first, second, late)
    second.left()
    assert window.expire(500) == [(lane, late)]
    assert window.members == 1
    first.left()
    assert (window.members, window.take_half(0), lane.counters.cancelled) == (0, None, 2)


def test_while_a_lane_is_due_every_other_batch_at_most_is_a_half() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=1)
    for value in range(3):
        add(window, member(value), 8, policy)
    halved(window, *[member(1) for _ in range(4)])
    halved(window, *[member(1) for _ in range(4)])
    gone = []
    for _ in range(7):
        half = window.take_half(0)
        gone.append("half" if half is not None else "lane")
        if half is None:
            window.take(due(window, slots=99), 10, 0)
    assert gone == ["half", "lane", "half", "lane", "half", "lane", "half"]


def test_a_lane_whose_time_comes_while_halves_wait_gets_its_turn() -> None:
    window = Window()
    add(window, member(1), 8, BatchPolicy(batch_timeout_micros=1000))
    halved(window, *[member(1) for _ in range(4)])
    assert window.take_half(500) is not None
    assert window.take_half(1000) is None
    assert due(window, 1000, slots=9).key == lane_key(8)


def test_a_lane_sends_nothing_while_a_half_of_its_own_waits() -> None:
    window = Window()
    lane = add(window, member(1), 9)
    halved(window, member(2), member(3))
    add(window, member(4), 9)
    assert window.next_lane(0, slots=9) is None
    for seen in (None, lane):
        assert window.take_half(0) is not None
        assert window.next_lane(0, slots=9) is seen


def test_a_lane_goes_on_when_everyone_has_left_its_halves() -> None:
    window = Window()
    lane, entry = add(window, member(1), 9), member(2)
    halved(window, entry)
    assert window.next_lane(0, slots=9) is None
    entry.left()
    assert window.wake_us(slots=1) == 0
    assert window.next_lane(0, slots=9) is lane


def test_a_half_is_charged_to_its_lane_there_or_not() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=1)
    for value in range(3):
        add(window, member(value), 8, policy)
    halved(window, *[member(1) for _ in range(200)])
    for _ in range(2):
        assert window.take_half(0) is not None
        window.take(due(window, slots=9), 10, 0)
    lane = add(window, member(1), 9)
    assert lane.deficit < 0


def test_all_who_wait_can_be_taken_out_at_once() -> None:
    window = Window()
    waiting, half = member(1), member(2)
    lane, gone = add(window, waiting), halved(window, half)
    assert window.empty_all() == [(lane, waiting), (gone, half)]
    assert (window.members, window.in_flight, len(window), half.holder) == (0, 0, 0, None)
