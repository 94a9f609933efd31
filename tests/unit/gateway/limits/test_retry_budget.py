"""The retry budget: a share of the calls, plus a little by the second, never without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.retry_budget import BURST_S, RetryBudget, RetryPolicy

SECOND_US = 1_000_000


def drain(budget: RetryBudget, now_us: int = 0) -> int:
    """How many retries it gives at this instant."""
    taken = 0
    while budget.take(now_us):
        taken += 1
    return taken


def test_a_quiet_upstream_has_saved_up_some_seconds_of_retries() -> None:
    assert drain(RetryBudget(RetryPolicy(budget_ratio=0, min_per_s=2), 0)) == 2 * BURST_S


def test_calls_earn_their_share_of_retries() -> None:
    budget = RetryBudget(RetryPolicy(budget_ratio=0.5, min_per_s=0), 0)
    drain(budget)
    for _ in range(20):
        budget.on_call()
    assert drain(budget) == 10


def test_time_earns_retries_up_to_what_can_be_saved() -> None:
    budget = RetryBudget(RetryPolicy(budget_ratio=0, min_per_s=3), 0)
    drain(budget)
    assert drain(budget, SECOND_US) == 3
    assert drain(budget, 10_000 * SECOND_US) == 3 * BURST_S


def test_without_ratio_and_minimum_there_is_never_a_retry() -> None:
    budget = RetryBudget(RetryPolicy(budget_ratio=0, min_per_s=0), 0)
    budget.on_call()
    assert not budget.take(10**12)


def test_a_clock_that_stands_or_steps_back_gives_nothing() -> None:
    budget = RetryBudget(RetryPolicy(budget_ratio=0, min_per_s=1), SECOND_US)
    drain(budget, SECOND_US)
    assert not budget.take(0)


@given(st.lists(st.sampled_from(["call", "take", "wait"]), max_size=300))
def test_retries_never_exceed_what_was_saved_and_earned(steps: list[str]) -> None:
    policy = RetryPolicy(budget_ratio=0.25, min_per_s=1)
    budget, now_us, taken = RetryBudget(policy, 0), 0, 0
    for step in steps:
        if step == "call":
            budget.on_call()
        elif step == "wait":
            now_us += SECOND_US
        else:
            taken += budget.take(now_us)
    start = max(BURST_S * policy.min_per_s, 100 * policy.budget_ratio)
    assert taken <= start + 0.25 * steps.count("call") + now_us / SECOND_US + 1e-6


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"budget_ratio is 2.*; min_per_s is -1.*; max_attempts is 0"):
        RetryPolicy(budget_ratio=2, min_per_s=-1, max_attempts=0)
