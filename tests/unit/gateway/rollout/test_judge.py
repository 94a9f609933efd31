"""The judge aborts on evidence, not on accidents."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rollout.judge import MIN_CALLS_TO_ABORT, Counts, Verdict, error_ratio_at_least, judge

OLD = Counts(1000, 10)


def verdict(new: Counts, old: Counts = OLD, elapsed_s: float = 1.0, margin_ratio: float = 0.02) -> Verdict:
    return judge(new, old, elapsed_s, hold_s=5.0, error_margin_ratio=margin_ratio).verdict


def test_one_error_of_two_calls_aborts_nothing() -> None:
    assert verdict(Counts(2, 1)) is Verdict.HOLD
    assert verdict(Counts(2, 1), elapsed_s=5) is Verdict.HOLD
    assert verdict(Counts(2, 1), elapsed_s=15) is Verdict.ADVANCE


def test_all_calls_failing_aborts_as_soon_as_there_are_enough() -> None:
    assert verdict(Counts(MIN_CALLS_TO_ABORT - 1, MIN_CALLS_TO_ABORT - 1)) is Verdict.HOLD
    assert verdict(Counts(MIN_CALLS_TO_ABORT, MIN_CALLS_TO_ABORT)) is Verdict.ABORT


def test_a_clear_excess_aborts_before_the_hold_ends() -> None:
    judgement = judge(Counts(500, 50), OLD, 0.2, 5.0, 0.02)
    assert judgement.verdict is Verdict.ABORT
    assert judgement.words == (
        "new 50 of 500 calls failed (10.00%), old 10 of 1000 calls failed (1.00%):"
        " the error ratio exceeds the old one's by more than 2.00%"
    )


def test_an_excess_within_the_margin_advances_when_held() -> None:
    assert verdict(Counts(1000, 25)) is Verdict.HOLD
    assert verdict(Counts(1000, 25), elapsed_s=5) is Verdict.ADVANCE


def test_a_doubtful_excess_is_held_on_and_then_aborts() -> None:
    doubtful = Counts(25, 2)
    assert verdict(doubtful, elapsed_s=5) is Verdict.HOLD
    assert verdict(doubtful, elapsed_s=14.9) is Verdict.HOLD
    assert verdict(doubtful, elapsed_s=15) is Verdict.ABORT


def test_errors_of_both_versions_alike_advance() -> None:
    assert verdict(Counts(300, 100), Counts(900, 300), elapsed_s=5) is Verdict.ADVANCE


def test_no_calls_at_all_advance_when_held() -> None:
    assert verdict(Counts(), Counts(), elapsed_s=4.9) is Verdict.HOLD
    assert verdict(Counts(), Counts(), elapsed_s=5) is Verdict.ADVANCE


@given(calls=st.integers(0, 10**6), share=st.floats(0, 1))
def test_the_lower_end_is_never_above_the_ratio_seen(calls: int, share: float) -> None:
    counts = Counts(calls, int(calls * share))
    assert 0 <= error_ratio_at_least(counts) <= counts.error_ratio + 1e-12


def test_a_version_as_good_as_the_old_one_is_hardly_ever_aborted() -> None:
    """300 seeded steps of 500 calls at 1 % errors on both sides, looked at 25 times each."""
    chance = random.Random(20)
    aborted = 0
    for _ in range(300):
        new = Counts()
        for look in range(1, 26):
            errors = sum(chance.random() < 0.01 for _ in range(20))
            new = Counts(new.calls + 20, new.errors + errors)
            if verdict(new, elapsed_s=look / 25 * 5) is Verdict.ABORT:
                aborted += 1
                break
    assert aborted < 3


def test_counts_since_tell_what_was_added() -> None:
    assert Counts(10, 3).since(Counts(4, 1)) == Counts(6, 2)
    assert Counts(2, 0).since(Counts(4, 1)) == Counts(2, 0)  # the counters started anew


@pytest.mark.parametrize(("calls", "errors"), [(1, 2), (1, -1), (-1, -1)])
def test_counts_that_cannot_be_are_refused(calls: int, errors: int) -> None:
    with pytest.raises(ValueError, match=r"errors: .* must be from 0 to calls"):
        Counts(calls, errors)
