"""The gate's verdict: nothing passes that is slower and not smaller, or beyond the accuracy bound."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.gate.bounds import LEAST_SHRINKING, LEAST_SPEEDUP
from export.gate.figures import Accuracy, Agreement, Difference, Estimate, Figures
from export.gate.judge import Speed, judge, speed_of
from export.options import GateRules, Require
from tests.unit.export.gate.made import baseline, variant


def test_faster_and_smaller_passes_and_says_what_it_bought() -> None:
    verdict = judge(baseline(), variant(2.0, 0.5), GateRules())
    assert verdict.passes
    assert verdict.headline == "passed: 2.00 x faster and 2.00 x smaller; accuracy +0.00 points"
    assert "2.00 x smaller on disk" in verdict.gains
    assert "2.00 x faster at batch 32" in verdict.gains
    assert verdict.costs == ()


@pytest.mark.parametrize(
    ("speed", "size", "headline"),
    [
        (2.0, 1.0, "passed: 2.00 x faster, not smaller"),
        (1.0, 0.5, "passed: 2.00 x smaller, as fast"),
        (0.5, 0.5, "passed: size only, 2.00 x smaller, 2.00 x slower"),
    ],
)
def test_one_of_faster_and_smaller_is_enough_unless_more_is_asked(speed: float, size: float, headline: str) -> None:
    verdict = judge(baseline(), variant(speed, size, 0.002), GateRules())
    assert verdict.headline == f"{headline}; accuracy -0.20 points"


def test_slower_and_not_smaller_is_refused_with_its_numbers() -> None:
    verdict = judge(baseline(), variant(0.5, 1.2), GateRules())
    assert not verdict.passes
    assert not verdict.is_published
    assert verdict.reasons == (
        "slower than float32: 0.50 times float32's speed (0.47 to 0.53), and not smaller: 120.0 % of float32's size",
    )
    assert "2.00 x slower at batch 1" in verdict.costs


def test_what_is_neither_faster_nor_smaller_brings_nothing_and_is_refused() -> None:
    verdict = judge(baseline(), variant(1.0, 1.0), GateRules())
    assert verdict.reasons == (
        "not faster than float32: 1.00 times float32's speed (0.95 to 1.05), "
        "and not smaller: 100.0 % of float32's size",
    )


@pytest.mark.parametrize(
    ("require", "speed", "size", "passes"),
    [
        (Require.FASTER, 2.0, 1.5, True),
        (Require.FASTER, 1.0, 0.1, False),
        (Require.SMALLER, 0.5, 0.5, True),
        (Require.SMALLER, 9.0, 1.0, False),
        (Require.BOTH, 2.0, 0.5, True),
        (Require.BOTH, 0.9, 0.5, False),
        (Require.BOTH, 2.0, 1.0, False),
    ],
)
def test_what_is_required_decides(require: Require, speed: float, size: float, passes: bool) -> None:
    verdict = judge(baseline(), variant(speed, size), GateRules(require=require))
    assert verdict.passes is passes
    assert passes or f"--require {require.value}" in verdict.reasons[0]


@pytest.mark.parametrize(("drop", "passes"), [(0.0, True), (0.01, True), (0.011, False), (-0.05, True)])
def test_the_accuracy_bound_is_kept_to_the_row(drop: float, passes: bool) -> None:
    verdict = judge(baseline(), variant(drop=drop), GateRules(max_accuracy_drop=0.01))
    assert verdict.passes is passes
    assert passes or verdict.reasons == ("accuracy falls by 1.10 points, more than the 1 allowed",)


def test_rows_too_few_for_the_bound_are_said() -> None:
    passed = judge(baseline(), variant(drop=0.008), GateRules())
    assert passed.passes
    assert passed.notes == (
        "1000 held-out rows are too few to be sure of the accuracy bound: the loss may be as high as 1.20 points "
        "(95 % interval), and 1 are allowed",
    )
    refused = judge(baseline(), variant(drop=0.012), GateRules())
    assert refused.notes == ("the loss may be as low as 0.80 points (95 % interval): more rows would tell",)


def test_numbers_that_are_none_are_refused_whatever_they_gain() -> None:
    verdict = judge(baseline(), variant(9.0, 0.1, broken_rows=3), GateRules(max_accuracy_drop=1.0))
    assert verdict.reasons == ("3 of 1000 rows answered with NaN or infinity",)
    assert "3 rows answered with NaN or infinity" in verdict.costs


def test_without_labels_the_answers_must_be_float32s() -> None:
    agreement = Agreement(Estimate(0.97, 0.96, 0.98), 1000, "the same class", True)
    verdict = judge(baseline(), variant(difference=None, agreement=agreement), GateRules())
    assert verdict.reasons == ("3.00% of the rows are answered otherwise than by float32, more than the 1 % allowed",)
    assert verdict.drop_of == "agreement"
    allowed = judge(baseline(), variant(difference=None, agreement=agreement), GateRules(max_accuracy_drop=0.05))
    assert allowed.headline.endswith("; 97.00% of the rows answered as float32")
    assert "without labels that fit, answers are compared with float32's: the same class" in verdict.notes
    assert "3.00% of the rows answered otherwise than by float32" in verdict.costs


def test_without_data_accuracy_is_not_judged_and_that_is_said() -> None:
    made = Agreement(Estimate(0.95, 0.9, 1.0), 64, "the same class", False)
    verdict = judge(baseline(), variant(difference=None, agreement=made), GateRules())
    assert verdict.headline.endswith("; accuracy not judged")
    assert verdict.accuracy_drop is None
    assert verdict.notes == ("accuracy isn't judged: there are no held-out rows; pass --data",)


def unlike(share: float) -> Figures:
    """A variant that answers so many of the rows made at random as float32 does."""
    return variant(difference=None, agreement=Agreement(Estimate(share, 0, 1), 64, "the same class", False))


def test_without_data_a_variant_that_answers_otherwise_than_float32_is_refused() -> None:
    verdict = judge(baseline(), unlike(0.03125), GateRules())
    assert verdict.reasons == (
        "96.88% of 64 rows made at random are answered otherwise than by float32: it seems broken; "
        "--data shows what it does with your rows",
    )
    assert judge(baseline(), unlike(0.03125), GateRules(is_forced=True)).is_forced
    assert not judge(baseline(), unlike(0.89), GateRules()).passes
    assert judge(baseline(), unlike(0.9), GateRules()).passes
    assert judge(baseline(), unlike(0.5), GateRules(max_accuracy_drop=0.5)).passes


def labelled(accuracy: float, commonest: float, **changes: Any) -> Figures:
    """float32 that is right on that share of 1000 rows, of which the commonest class has that share."""
    return baseline(accuracy=Accuracy(Estimate(accuracy, 0, 1), 1000, None, commonest), **changes)


def as_accurate(accuracy: float, low: float, agreement: float) -> Figures:
    """A variant as accurate as float32 that answers so many rows as float32 does."""
    return variant(
        accuracy=Accuracy(Estimate(accuracy, low, 1), 1000, None, 0.1),
        difference=Difference(Estimate(0.0, -0.004, 0.004), 0, 0, 1.0),
        agreement=Agreement(Estimate(agreement, 0, 1), 1000, "the same class", True),
    )


@pytest.mark.parametrize(
    ("accuracy", "commonest"),
    [(0.0, 0.104), (0.104, 0.104), (0.955, 0.95)],
    ids=["labels shifted by one", "by chance", "nearly all of one class"],
)
def test_labels_that_tell_nothing_do_not_hide_a_broken_variant(accuracy: float, commonest: float) -> None:
    verdict = judge(labelled(accuracy, commonest), as_accurate(accuracy, 0.0, 0.1), GateRules())
    assert verdict.drop_of == "agreement"
    assert verdict.reasons == ("90.00% of the rows are answered otherwise than by float32, more than the 1 % allowed",)
    assert f"float32 is right on {accuracy:.2%} of the rows" in verdict.notes[-1]
    sound = judge(labelled(accuracy, commonest), as_accurate(accuracy, 0.0, 1.0), GateRules())
    assert sound.passes
    assert sound.headline.endswith("; 100.00% of the rows answered as float32")


def test_accuracy_judges_where_the_labels_tell() -> None:
    assert judge(labelled(0.9, 0.104), as_accurate(0.9, 0.88, 0.5), GateRules()).drop_of == "accuracy"
    learnt = judge(labelled(0.1, 0.104), as_accurate(0.6, 0.57, 0.1), GateRules())  # fine-tuned to be better
    assert learnt.drop_of == "accuracy"
    assert learnt.passes


def test_float32s_own_broken_rows_are_told() -> None:
    verdict = judge(baseline(broken_rows=2), variant(), GateRules())
    assert verdict.notes == ("float32 itself answers 2 rows with NaN or infinity",)


def test_force_publishes_and_remembers_why_it_was_refused() -> None:
    verdict = judge(baseline(), variant(0.5, 1.0, 0.2), GateRules(is_forced=True))
    assert not verdict.passes
    assert verdict.is_forced
    assert verdict.is_published
    assert len(verdict.reasons) == 2
    assert verdict.headline.startswith("refused, published by --force: accuracy falls by 20.00 points")
    assert not judge(baseline(), variant(), GateRules(is_forced=True)).is_forced


@pytest.mark.parametrize(
    ("value", "low", "high", "speed"),
    [
        (1.5, 1.4, 1.6, Speed.FASTER),
        (1.5, 0.9, 3.0, Speed.AS_FAST),
        (1.01, 1.005, 1.015, Speed.AS_FAST),
        (0.9, 0.5, 1.1, Speed.AS_FAST),
        (1.04, 1.03, 1.05, Speed.AS_FAST),
        (0.96, 0.95, 0.97, Speed.AS_FAST),
        (0.9, 0.8, 0.95, Speed.SLOWER),
        (math.nan, math.nan, math.nan, Speed.SLOWER),
    ],
)
def test_noise_makes_nothing_faster_or_slower(value: float, low: float, high: float, speed: Speed) -> None:
    assert speed_of(Estimate(value, low, high)) is speed


def test_what_was_not_measured_beside_float32_is_not_judged() -> None:
    with pytest.raises(ValueError, match="bfloat16 wasn't measured against float32"):
        judge(baseline(), variant(speedup=None), GateRules())


@given(
    speed=st.floats(0.01, 100),
    noise=st.floats(0, 0.9),
    size=st.floats(0.01, 10),
    drop=st.floats(-1, 1),
    bound=st.floats(0, 1),
    require=st.sampled_from(Require),
    broken=st.integers(0, 2),
)
def test_nothing_passes_that_is_worse_or_beyond_the_bound(
    speed: float, noise: float, size: float, drop: float, bound: float, require: Require, broken: int
) -> None:
    rules = GateRules(max_accuracy_drop=bound, require=require)
    tried = variant(speed, size, drop, noise, broken_rows=broken)
    verdict = judge(baseline(), tried, rules)
    is_smaller = tried.size_bytes * LEAST_SHRINKING <= 1_000_000
    if verdict.passes:
        assert speed >= LEAST_SPEEDUP or is_smaller
        assert drop <= bound + 1e-8
        assert not broken
    else:
        assert verdict.reasons
