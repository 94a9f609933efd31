"""Promises of batching/adapt.py: late batches make the next smaller, punctual capped ones larger, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batching.adapt import IN_TIME_WANTED, MAX_SIZERS, Pace, Sizer, Sizers, Verdict
from gateway.batching.policy import BatchPolicy

TARGET_US = 1000
POWERS = BatchPolicy(allowed_batch_sizes=(1, 2, 4, 8, 16, 32, 64))


def measured(
    sizer: Sizer, rows: int, took_us: int, sent_us: int, largest: int = 64, capped: bool | None = None
) -> Verdict:
    """`capped` unless it is given: the batch is as large as it might be."""
    capped = rows >= sizer.rows if capped is None else capped
    policy = BatchPolicy(max_batch_size=largest)
    return sizer.measured(rows, capped, sent_us, sent_us + took_us, TARGET_US, policy)


class Crowd:
    """A sizer at work: `go` sends the batches of a lane in which many wait with requests of so many rows each."""

    def __init__(self, policy: BatchPolicy, member_rows: int = 1) -> None:
        self.policy = policy
        self.sizer = Sizer(policy.execution_rows)
        self.member_rows = member_rows
        self.now_us = 0

    @property
    def in_force(self) -> int:
        return self.policy.rows_allowed(self.sizer.rows)

    def go(self, batches: int, took_us: int) -> list[Verdict]:
        verdicts = []
        for _ in range(batches):
            rows = max(1, self.in_force // self.member_rows) * self.member_rows
            sent_us, self.now_us = self.now_us, self.now_us + took_us
            verdicts.append(self.sizer.measured(rows, True, sent_us, self.now_us, TARGET_US, self.policy))
        return verdicts


def test_a_late_batch_makes_the_next_a_quarter_smaller() -> None:
    sizer = Sizer(64)
    assert measured(sizer, 64, 1001, sent_us=0) is Verdict.LATE
    assert sizer.rows == 48


def test_batches_that_left_before_the_decrease_say_nothing_of_it() -> None:
    sizer = Sizer(64)
    for sent_us in (0, 10, 20):
        measured(sizer, 64, 1500, sent_us)
    assert sizer.rows == 48
    measured(sizer, 48, 1500, sent_us=2000)
    assert sizer.rows == 36


def test_a_capped_batch_in_time_makes_the_next_larger_and_another_does_not() -> None:
    sizer = Sizer(64)
    measured(sizer, 64, 1001, sent_us=0)
    measured(sizer, 47, 1000, sent_us=2000)
    assert sizer.rows == 48
    measured(sizer, 48, 1000, sent_us=4000)
    assert sizer.rows == 49


def test_a_large_cap_grows_in_larger_steps() -> None:
    sizer = Sizer(1024)
    sizer.rows = 512
    measured(sizer, 512, 10, 0, largest=1024)
    assert sizer.rows == 512 + 16


def test_when_one_row_is_late_fewer_cannot_help() -> None:
    sizer, sent_us = Sizer(4), 0
    answers = []
    for _ in range(5):
        answers.append(measured(sizer, sizer.rows, 1001, sent_us, largest=4))
        sent_us += 2000
    assert (answers, sizer.rows) == ([Verdict.LATE] * 3 + [Verdict.SMALLEST_LATE] * 2, 1)


@pytest.mark.parametrize("policy", [POWERS, BatchPolicy(allowed_batch_sizes=(48, 64)), BatchPolicy()])
@pytest.mark.parametrize("member_rows", [1, 3, 8])
def test_however_small_a_cap_became_it_is_the_largest_again_once_batches_are_in_time(
    policy: BatchPolicy, member_rows: int
) -> None:
    crowd = Crowd(policy, member_rows)
    for lates in range(1, 14):
        crowd.go(lates, took_us=1001)
        assert crowd.in_force < 64
        crowd.go(64, took_us=1000)
        assert crowd.in_force == 64


def test_each_late_batch_makes_the_next_smaller_among_allowed_sizes_too() -> None:
    crowd, sizes = Crowd(POWERS), []
    for _ in range(8):
        sizes.append(crowd.in_force)
        crowd.go(1, took_us=1001)
    assert sizes == [64, 32, 16, 8, 4, 2, 1, 1]


def test_a_request_larger_than_the_cap_that_is_late_says_nothing() -> None:
    sizer = Sizer(64)
    assert measured(sizer, 64, 1001, sent_us=0) is Verdict.LATE
    for sent_us in range(2000, 42_000, 2000):
        assert measured(sizer, 64, 1001, sent_us) is Verdict.NOTHING
    assert sizer.rows == 48


def test_where_the_smallest_allowed_size_is_late_fewer_rows_cannot_help() -> None:
    crowd = Crowd(BatchPolicy(allowed_batch_sizes=(32, 64)))
    assert crowd.go(3, took_us=1001) == [Verdict.LATE, Verdict.SMALLEST_LATE, Verdict.SMALLEST_LATE]
    assert crowd.sizer.rows == 32


def test_a_small_late_batch_does_not_say_that_fewer_rows_cannot_help_while_larger_ones_are_sent() -> None:
    assert measured(Sizer(64), 1, 1001, sent_us=0) is Verdict.LATE


def test_a_batch_of_before_the_last_decrease_does_not_speak_for_a_larger_cap() -> None:
    sizer = Sizer(64)
    measured(sizer, 64, 1001, sent_us=100)
    assert measured(sizer, 64, 1000, sent_us=200, capped=True) is Verdict.IN_TIME
    assert sizer.rows == 48


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 3000)), max_size=200), st.integers(1, 64))
def test_the_cap_stays_within_its_bounds_whatever_is_measured(batches: list[tuple[int, int]], largest: int) -> None:
    sizer, sent_us = Sizer(64), 0
    for rows, took_us in batches:
        measured(sizer, rows, took_us, sent_us, largest)
        sent_us += 3000
        assert 1 <= sizer.rows <= 64
    measured(sizer, 80, 0, sent_us, largest)
    assert sizer.rows <= largest


def test_a_model_that_takes_ten_times_the_target_for_a_full_batch_settles_near_it() -> None:
    """A row takes 160 us, so that six are in time."""
    sizer, sent_us, sizes = Sizer(64), 0, []
    for _ in range(300):
        took_us = 160 * sizer.rows
        sizes.append(sizer.rows)
        measured(sizer, sizer.rows, took_us, sent_us)
        sent_us += took_us + 1
    assert set(sizes[100:]) <= {4, 5, 6, 7}


def test_each_signature_has_its_own_and_they_are_bounded() -> None:
    sizers = Sizers()
    first = sizers.of(("pool", "digits", 0, "s"), 64)
    assert sizers.of(("pool", "digits", 0, "s"), 8) is first
    assert first.rows == 8  # a policy that allows fewer rows counts at once
    for version in range(1, MAX_SIZERS + 1):
        sizers.of(("pool", "digits", version, "s"), 64)
    assert sizers.of(("pool", "digits", 0, "s"), 8).rows == 8


def test_slots_are_withheld_only_when_fewer_rows_cannot_help_and_never_more_than_half() -> None:
    pace = Pace()
    pace.measured(Verdict.LATE, slots=4)
    assert pace.slots(4) == 4
    for _ in range(5):
        pace.measured(Verdict.SMALLEST_LATE, slots=4)
    assert [pace.slots(slots) for slots in (0, 1, 2, 3, 4, 8)] == [0, 1, 1, 2, 2, 6]


def test_slots_come_back_one_by_one_while_batches_are_in_time() -> None:
    pace = Pace()
    for _ in range(2):
        pace.measured(Verdict.SMALLEST_LATE, slots=4)
    seen = []
    for _ in range(2 * IN_TIME_WANTED + 1):
        pace.measured(Verdict.IN_TIME, slots=4)
        pace.measured(Verdict.NOTHING, slots=4)
        seen.append(pace.slots(4))
    assert (seen.count(2), seen.count(3), seen.count(4)) == (IN_TIME_WANTED - 1, IN_TIME_WANTED, 2)
    pace.measured(Verdict.SMALLEST_LATE, slots=4)
    for _ in range(IN_TIME_WANTED - 1):
        pace.measured(Verdict.IN_TIME, slots=4)
    pace.measured(Verdict.LATE, slots=4)
    pace.measured(Verdict.IN_TIME, slots=4)
    assert pace.slots(4) == 3
