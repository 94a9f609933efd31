"""Promises of batching/lane.py: order is kept, caps hold, anyone may leave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batching.lane import Lane, Member, differ
from gateway.batching.policy import BatchPolicy
from tests.unit.gateway.batching.members import lane_key, member


def lane(*members: Member, policy: BatchPolicy | None = None) -> Lane:
    made = Lane(lane_key(), policy or BatchPolicy())
    for entry in members:
        made.add(entry, 0)
    return made


def test_members_are_taken_in_order_of_arrival() -> None:
    members = [member(1), member(2), member(3)]
    waiting = lane(*members)
    assert waiting.take(2) == members[:2]
    assert waiting.take(2) == members[2:]
    assert not waiting


def test_rows_and_bytes_follow_who_is_there() -> None:
    first, second = member(1, 2), member(3)
    waiting = lane(first, second)
    assert (len(waiting), waiting.rows, waiting.nbytes) == (2, 3, 12)
    assert first.lane is waiting
    waiting.remove(first)
    assert (len(waiting), waiting.rows, waiting.nbytes) == (1, 1, 4)
    assert first.lane is None


@settings(max_examples=50)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(1, 8), st.integers(4, 40), st.integers(1, 4))
def test_no_batch_is_over_a_cap_and_nobody_is_lost(
    rows: list[int], max_rows: int, max_bytes: int, max_members: int
) -> None:
    policy = BatchPolicy(max_batch_size=max_rows, max_batch_bytes=max_bytes, max_batch_members=max_members)
    members = [member(*([1.0] * count)) for count in rows]
    waiting = lane(*members, policy=policy)
    taken = []
    while waiting:
        batch = waiting.take(100)
        taken += batch
        if len(batch) > 1:
            assert sum(entry.rows for entry in batch) <= max_rows
            assert sum(entry.nbytes for entry in batch) <= max_bytes
            assert len(batch) <= max_members
    assert taken == members
    assert (waiting.rows, waiting.nbytes) == (0, 0)


def test_only_equal_inputs_are_taken_when_asked() -> None:
    members = [member(1), member(1), member(2), member(1)]
    assert lane(*members).take(10, alike_only=True) == members[:2]


def test_a_lane_is_mixed_if_its_first_members_differ() -> None:
    waiting = lane(member(1), member(1), member(2))
    assert waiting.is_mixed(3)
    assert not waiting.is_mixed(2)
    assert not differ([member(1)])


def test_room_is_for_so_many_full_batches() -> None:
    policy = BatchPolicy(max_batch_size=2, max_enqueued_batches=2)
    waiting = lane(member(1, 2, 3), policy=policy)
    assert waiting.has_room(member(4))
    assert not waiting.has_room(member(4, 5))
    by_bytes = lane(member(1), policy=BatchPolicy(max_batch_bytes=4, max_enqueued_batches=2))
    assert by_bytes.has_room(member(1))
    assert not by_bytes.has_room(member(1, 2))
    by_members = lane(member(1), policy=BatchPolicy(max_batch_members=1, max_enqueued_batches=1))
    assert not by_members.has_room(member(1))


def test_an_empty_lane_has_room_for_anyone() -> None:
    assert lane(policy=BatchPolicy(max_batch_size=1, max_enqueued_batches=1)).has_room(member(1, 2, 3))


def test_a_lane_is_due_at_once_without_a_timeout() -> None:
    waiting = Lane(lane_key(), BatchPolicy())
    waiting.add(member(1), 50)
    assert waiting.due_us() == 0


def test_with_a_timeout_the_oldest_member_counts() -> None:
    waiting = Lane(lane_key(), BatchPolicy(batch_timeout_micros=1000))
    waiting.add(member(1), 50)
    waiting.add(member(1), 90)
    assert waiting.due_us() == 1050


def test_a_full_batch_is_due_at_once() -> None:
    for full in (
        BatchPolicy(batch_timeout_micros=1000, max_batch_size=2),
        BatchPolicy(batch_timeout_micros=1000, max_batch_bytes=8),
        BatchPolicy(batch_timeout_micros=1000, max_batch_members=2),
    ):
        assert lane(member(1), member(2), policy=full).due_us() == 0


def test_deadlines_are_found() -> None:
    late, soon = member(1, deadline_us=900), member(2, deadline_us=500)
    waiting = lane(late, soon)
    assert waiting.earliest_deadline_us() == 500
    assert waiting.expired(499) == []
    assert waiting.expired(500) == [soon]
