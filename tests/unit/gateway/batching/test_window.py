"""Promises of batching/window.py: slots are kept, halves and lanes take turns, lanes are bounded, time is told."""

from __future__ import annotations

from gateway.batching.counters import Leaving
from gateway.batching.policy import BatchPolicy
from gateway.batching.window import SCAN_GAP_US, Window
from gateway.call import NEVER_US
from tests.unit.gateway.batching.members import add, due, lane_key, member


def test_a_batch_holds_its_slot_until_released() -> None:
    window = Window()
    add(window, member(1), features=1)
    add(window, member(2), features=2)
    window.take(due(window), 10, 0)
    assert window.in_flight == 1
    assert window.next_lane(0, slots=1) is None
    assert window.next_lane(0, slots=2) is not None
    window.release()
    assert window.next_lane(0, slots=1) is not None


def test_a_lane_that_came_empty_is_gone() -> None:
    window = Window()
    entry = member(1)
    lane = add(window, entry)
    assert (len(window), window.members, window.find(lane.key)) == (1, 1, lane)
    entry.left()
    assert (len(window), window.members, window.find(lane.key)) == (0, 0, None)
    assert window.next_lane(0, slots=1) is None


def test_a_lane_is_found_by_the_very_key_and_by_an_equal_one() -> None:
    window = Window()
    lane = add(window, member(1))
    other = add(window, member(1), 2)
    assert window.find(lane_key()) is lane
    assert window.find(lane.key) is lane
    assert window.find(other.key) is other


def test_the_last_lane_that_came_empty_may_be_used_again_and_no_other() -> None:
    window = Window()
    entry, other = member(1), member(2)
    lane = add(window, entry)
    assert window.emptied(lane.key) is None
    entry.left()
    assert window.emptied(lane.key) is lane
    assert window.emptied(lane_key(2)) is None
    window.add(lane, other, 0)
    assert (window.find(lane.key), window.emptied(lane.key), len(window)) == (lane, None, 1)
    assert window.take(due(window), 10, 0) == [other]


def test_a_model_has_at_most_max_lanes() -> None:
    window, policy = Window(), BatchPolicy(max_lanes=2)
    for features in (1, 2):
        assert window.may_open(lane_key(features), policy)
        add(window, member(1), features)
    assert not window.may_open(lane_key(3), policy)
    assert window.may_open(lane_key(3, model="other"), policy)
    window.take(due(window), 10, 0)
    assert window.may_open(lane_key(3), policy)


def test_a_lane_that_is_not_due_lets_others_pass() -> None:
    window = Window()
    add(window, member(1), 1, BatchPolicy(batch_timeout_micros=1000))
    add(window, member(2), 2)
    assert due(window).key == lane_key(2)


def test_a_lane_that_fills_up_is_due_before_its_time() -> None:
    window, policy = Window(), BatchPolicy(batch_timeout_micros=1000, max_batch_size=2)
    add(window, member(1), policy=policy)
    assert window.next_lane(0, 1) is None
    add(window, member(2), policy=policy, now_us=10)
    add(window, member(3), policy=policy, now_us=20)
    lane = due(window, 20)
    assert window.leaving(lane) is Leaving.FULL
    assert len(window.take(lane, 10, 20)) == 2
    assert window.next_lane(1000, slots=2) is None
    assert window.wake_us(slots=2) == 1020
    assert window.leaving(due(window, 1020, slots=2)) is Leaving.TIMEOUT


def test_a_lane_that_waits_for_its_time_may_come_empty() -> None:
    window, policy = Window(), BatchPolicy(batch_timeout_micros=1000)
    entry = member(1)
    add(window, entry, policy=policy)
    entry.left()
    assert window.next_lane(2000, slots=1) is None
    assert window.wake_us(slots=1) == NEVER_US


def test_why_a_batch_leaves_is_told() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=2)
    lane = add(window, member(1), policy=policy)
    assert window.leaving(lane) is Leaving.IDLE
    window.looked()
    assert window.leaving(lane) is Leaving.SLOT
    add(window, member(2))
    assert window.leaving(lane) is Leaving.FULL
    add(window, member(3))
    window.take(lane, 2, 0)
    assert window.leaving(lane) is Leaving.SLOT


def test_the_expired_leave_and_the_others_stay() -> None:
    window = Window()
    early, late = member(1, deadline_us=500), member(2, deadline_us=9000)
    first = add(window, early, 1)
    add(window, late, 2)
    assert window.expire(499) == []
    assert window.expire(500) == [(first, early)]
    assert (window.members, len(window)) == (1, 1)
    assert window.wake_us(slots=0) == 9000
    assert [entry for _, entry in window.expire(9000)] == [late]
    assert window.wake_us(slots=0) == NEVER_US


def test_everyone_is_looked_through_for_the_expired_only_now_and_then() -> None:
    window = Window()
    add(window, member(1, deadline_us=500))
    add(window, member(2, deadline_us=501))
    assert len(window.expire(500)) == 1
    assert window.expire(501) == []
    add(window, member(3, deadline_us=502))
    assert window.wake_us(slots=0) == 500 + SCAN_GAP_US
    assert len(window.expire(500 + SCAN_GAP_US)) == 2


def test_with_a_free_slot_it_wakes_for_the_next_due_lane() -> None:
    window = Window()
    add(window, member(1, deadline_us=5000), 1, BatchPolicy(batch_timeout_micros=1000), now_us=100)
    assert window.wake_us(slots=1) == 1100
    assert window.wake_us(slots=0) == 5000


def test_an_emptied_lane_gives_everyone_back_and_holds_no_slot() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=1)
    members = [member(1), member(2), member(3)]
    for entry in members:
        add(window, entry, policy=policy)
    assert window.empty(window.lanes()[0]) == members
    assert (window.members, window.in_flight, len(window)) == (0, 0, 0)
