"""Promises of batching/window.py: slots are kept, turns are fair, lanes are bounded, time is told."""

from __future__ import annotations

from gateway.batching.lane import Member
from gateway.batching.policy import BatchPolicy
from gateway.batching.window import Entry, Window
from gateway.call import NEVER_US
from tests.unit.gateway.batching.members import lane_key, member

POLICY = BatchPolicy()


def offer(window: Window, entry: Member, features: int = 1, policy: BatchPolicy = POLICY, now_us: int = 0) -> Entry:
    return window.offer(lane_key(features), entry, policy, now_us)


def test_a_batch_holds_its_slot_until_released() -> None:
    window = Window()
    offer(window, member(1), features=1)
    offer(window, member(2), features=2)
    lane = window.next_lane(0, slots=1)
    assert lane is not None
    window.take(lane, 10)
    assert window.in_flight == 1
    assert window.next_lane(0, slots=1) is None
    assert window.next_lane(0, slots=2) is not None
    window.release()
    assert window.next_lane(0, slots=1) is not None


def test_lanes_take_turns_one_batch_each() -> None:
    window = Window()
    for features in (1, 1, 1, 2, 3):
        offer(window, member(features), features)
    turns = []
    while (lane := window.next_lane(0, slots=100)) is not None:
        window.take(lane, 1)
        turns.append(lane.key.features[0][2][0])
    assert turns == [1, 2, 3, 1, 1]


def test_a_lane_that_came_empty_is_gone() -> None:
    window = Window()
    entry = member(1)
    offer(window, entry)
    assert (len(window), window.members) == (1, 1)
    assert entry.lane is not None
    window.leave(entry.lane, entry)
    assert (len(window), window.members) == (0, 0)
    assert window.next_lane(0, slots=1) is None


def test_a_model_has_at_most_max_lanes() -> None:
    window, policy = Window(), BatchPolicy(max_lanes=2)
    assert [offer(window, member(1), features, policy) for features in (1, 2, 3, 1)] == [
        Entry.QUEUED,
        Entry.QUEUED,
        Entry.LANES_FULL,
        Entry.QUEUED,
    ]
    assert window.offer(lane_key(3, model="other"), member(1), policy, 0) is Entry.QUEUED
    first = window.lanes()[0]
    window.take(first, 10)
    assert offer(window, member(1), 3, policy) is Entry.QUEUED


def test_a_full_lane_takes_nobody() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=1, max_enqueued_batches=1)
    assert offer(window, member(1), policy=policy) is Entry.QUEUED
    assert offer(window, member(1), policy=policy) is Entry.LANE_FULL
    assert window.members == 1


def test_a_lane_that_is_not_due_lets_others_pass() -> None:
    window = Window()
    offer(window, member(1), 1, BatchPolicy(batch_timeout_micros=1000))
    offer(window, member(2), 2)
    lane = window.next_lane(0, slots=1)
    assert lane is not None
    assert lane.key == lane_key(2)


def test_the_expired_leave_and_the_others_stay() -> None:
    window = Window()
    early, late = member(1, deadline_us=500), member(2, deadline_us=900)
    offer(window, early, 1)
    offer(window, late, 2)
    assert window.expire(499) == []
    assert window.expire(500) == [(lane_key(1), early)]
    assert (window.members, len(window)) == (1, 1)
    assert window.wake_us(slots=0) == 900
    assert window.expire(900) == [(lane_key(2), late)]
    assert window.wake_us(slots=0) == NEVER_US


def test_with_a_free_slot_it_wakes_for_the_next_due_lane() -> None:
    window = Window()
    offer(window, member(1, deadline_us=5000), 1, BatchPolicy(batch_timeout_micros=1000), now_us=100)
    assert window.wake_us(slots=1) == 1100
    assert window.wake_us(slots=0) == 5000


def test_an_emptied_lane_gives_everyone_back_and_holds_no_slot() -> None:
    window, policy = Window(), BatchPolicy(max_batch_size=1)
    members = [member(1), member(2), member(3)]
    for entry in members:
        offer(window, entry, policy=policy)
    assert window.empty(window.lanes()[0]) == members
    assert (window.members, window.in_flight, len(window)) == (0, 0, 0)
