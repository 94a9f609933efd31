"""Plans that cannot be built say why, all at once."""

from __future__ import annotations

import math

import pytest

from gateway.rollout.plan import MAX_STEPS, InvalidPlan, Plan, plan_problems


def test_a_plan_has_sensible_defaults() -> None:
    plan = Plan("digits", 1, 3)
    assert (plan.steps_percent, plan.hold_s, plan.error_margin_ratio, plan.keep_old) == ((10, 50, 100), 5, 0.02, False)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidPlan) as failed:
        Plan("a b", -1, 2**63, (60.0, 50.0), 0.0, 1.0)
    assert failed.value.problems == (
        "model: 'a b' is no model name; letters, digits, '.', '_' and '-' make one",
        "to_version: 9223372036854775808 is no version; a version is a whole number from 0 to 2^63 - 1",
        "steps_percent: 60,50 does not increase from step to step",
        "steps_percent: 60,50 ends at 50, must end at 100",
        "hold_s: 0 must be more than 0 and at most 604800 (7 days)",
        "error_margin_ratio: 1 must be at least 0 and less than 1",
        "from_version: -1 is no version; a version is a whole number from 0 to 2^63 - 1",
    )


def test_a_plan_to_the_promoted_version_is_none() -> None:
    with pytest.raises(InvalidPlan, match="to_version: 3 is the promoted version already"):
        Plan("digits", 3, 3)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ((), "steps_percent: empty, must be increasing percents that end at 100, like 10,50,100"),
        ((0.0, 100.0), "steps_percent: 0 is not above 0 and at most 100"),
        ((math.nan, 100.0), "steps_percent: nan is not above 0 and at most 100"),
        ((50.0, 50.0, 100.0), "steps_percent: 50,50,100 does not increase from step to step"),
        ((10.0,), "steps_percent: 10 ends at 10, must end at 100"),
        ((*range(1, MAX_STEPS), 99.5, 100.0), f"steps_percent: {MAX_STEPS + 1} steps, at most 100 are allowed"),
    ],
)
def test_steps_increase_to_100(steps: tuple[float, ...], problem: str) -> None:
    assert problem in plan_problems("digits", 3, steps, 1.0, 0.0)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    assert len(plan_problems("digits", 3, (100.0,), number, number)) == 2
