"""Promises of batching/lane.py: order is kept, caps hold, anyone may leave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batching.adapt import Sizer
from gateway.batching.lane import Lane
from gateway.batching.member import Member, differ
from gateway.batching.policy import BatchPolicy
from gateway.batching.window import Window
from tests.unit.gateway.batching.members import lane_in, member


def lane(*members: Member, policy: BatchPolicy | None = None) -> Lane:
    made = lane_in(Window(), policy=policy)
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
    assert first.holder is waiting
    waiting.remove(first)
    assert (len(waiting), waiting.rows, waiting.nbytes) == (1, 1, 4)
    assert first.holder is None


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


def test_a_caller_who_leaves_is_counted_and_a_piece_that_is_dropped_is_not() -> None:
    first, second = member(1), member(2)
    window = Window()
    waiting = lane_in(window)
    for entry in (first, second):
        window.add(waiting, entry, 0)
    waiting.drop(first, False)
    assert (len(waiting), waiting.counters.cancelled, window.members) == (1, 0, 1)
    second.left()
    assert (len(waiting), waiting.counters.cancelled, window.members) == (0, 1, 0)


def test_only_equal_inputs_are_taken_when_asked() -> None:
    members = [member(1), member(1), member(2), member(1)]
    assert lane(*members).take(10, alike_only=True) == members[:2]


def test_a_lane_is_mixed_if_its_first_members_differ() -> None:
    waiting = lane(member(1), member(1), member(2))
    assert waiting.is_mixed(3)
    assert not waiting.is_mixed(2)
    assert not differ(member(1), member(1))
    assert differ(member(1), member(2))


def wide(length: int) -> Member:
    entry = member(*range(length))
    entry.features, entry.rows = (("x", 1, (length,)),), 1
    return entry


def test_a_lane_knows_whether_lengths_differ_and_how_many_do_not() -> None:
    waiting = lane(wide(1), wide(1))
    assert (waiting.lengths_differ, waiting.equal_lengths()) == (False, 2)
    waiting = lane(wide(1), wide(1), wide(2), wide(1))
    assert (waiting.lengths_differ, waiting.equal_lengths()) == (True, 2)
    waiting.empty()
    waiting.add(wide(2), 0)
    assert (waiting.lengths_differ, waiting.equal_lengths()) == (False, 1)


def test_rows_that_are_all_the_same_are_repetitions_of_one() -> None:
    assert lane(member(5)).repeated_rows() == 1
    assert lane(member(5, 5, 5)).repeated_rows() == 1
    assert lane(member(5, 5, 6)).repeated_rows() == 3


def test_room_is_for_so_many_full_batches() -> None:
    policy = BatchPolicy(max_batch_size=2, max_enqueued_batches=2)
    waiting = lane(member(1, 2, 3), policy=policy)
    assert waiting.has_room(rows=1, nbytes=4)
    assert not waiting.has_room(rows=2, nbytes=8)
    by_bytes = lane(member(1), policy=BatchPolicy(max_batch_bytes=4, max_enqueued_batches=2))
    assert by_bytes.has_room(rows=1, nbytes=4)
    assert not by_bytes.has_room(rows=1, nbytes=5)
    by_members = lane(member(1), policy=BatchPolicy(max_batch_members=2, max_enqueued_batches=1))
    assert by_members.has_room(rows=1, nbytes=4)
    assert not by_members.has_room(rows=2, nbytes=8, members=2)


def test_an_empty_lane_has_room_for_anyone() -> None:
    assert lane(policy=BatchPolicy(max_batch_size=1, max_enqueued_batches=1)).has_room(rows=3, nbytes=12)


def test_a_lane_is_due_at_once_without_a_timeout() -> None:
    waiting = lane()
    waiting.add(member(1), 50)
    assert waiting.due_us() == 0


def test_with_a_timeout_the_oldest_member_counts() -> None:
    waiting = lane(policy=BatchPolicy(batch_timeout_micros=1000))
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


def test_a_size_cap_that_adapts_is_an_allowed_size_and_needs_no_filling_up_to_be_due() -> None:
    policy = BatchPolicy(batch_timeout_micros=1000, max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    waiting = lane(*[member(1) for _ in range(8)], policy=policy)
    waiting.adopt(policy, waiting.proof, Sizer(5))
    assert waiting.cap_rows() == 4
    assert waiting.due_us() == 0
    assert len(waiting.take(100)) == 4


def test_members_of_a_lane_that_pads_are_counted_by_the_bytes_they_will_have() -> None:
    """Eight bytes came; beside a row of six values each row takes 24."""
    policy = BatchPolicy(pad_variable_length_inputs=True, max_batch_bytes=60)
    short, shorter, long = member(1, 2), member(3), member(1, 2, 3, 4, 5, 6)
    long.features, long.rows = (("x", 1, (6,)),), 1
    assert lane(short, shorter, long, policy=policy).take(100) == [short, shorter]
    assert lane(shorter, long, policy=policy).take(100) == [shorter, long]
    assert lane(long, shorter, short, policy=policy).take(100) == [long, shorter]


def test_a_batch_was_held_back_by_the_cap_on_rows_if_it_filled_it_or_who_is_next_did_not_fit() -> None:
    waiting = lane(member(1, 2, 3), policy=BatchPolicy(max_batch_size=8))
    assert not waiting.held_back(5, 0)  # three more would have fitted: something else stopped it
    assert waiting.held_back(6, 0)
    waiting.take(1)
    assert not waiting.held_back(7, 0)
    assert waiting.held_back(7, 1)
    assert waiting.held_back(8, 0)
