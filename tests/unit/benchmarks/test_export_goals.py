"""Goals of exports: what is divided by what, what can't be measured, and the rule that no published one breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.export_goals import Goal, breaks_the_rule, counts, goals
from benchmarks.export_models import RESIDUAL_CNN
from benchmarks.export_outcome import Outcome, Sitting, Status
from benchmarks.export_variants import FLOAT32, PRUNED, PRUNED_INT8, VARIANTS
from tests.unit.benchmarks.exports import BASE, INT8_FIGURES, PRUNED_FIGURES, SLOW_FIGURES, published, sitting, timed


def test_goals_are_those_that_exports_are_held_to() -> None:
    assert [(goal.bound, goal.at_least) for goal in goals(sitting())] == [
        (2.5, True), (3.5, True), (1.0, False), (8.0, True), (0, False)
    ]  # fmt: skip


def test_speed_is_of_the_medians_side_by_side_with_each_round_beside_it() -> None:
    pruned, _, _, pruned_int8, _ = goals(sitting())
    assert pruned.reached == pytest.approx(3.2)
    assert pruned.rounds is not None
    assert (pruned.rounds.least, pruned.rounds.most) == pytest.approx((3.2, 3.2))
    assert pruned_int8.reached == pytest.approx(80 / 9)
    assert (pruned.met, pruned_int8.met) == (True, True)


def test_size_and_accuracy_are_held_against_float32_as_it_was_published() -> None:
    _, smaller, lost, *_ = goals(sitting())
    assert smaller.reached == pytest.approx(4.0)
    assert lost.reached == pytest.approx(0.5)
    assert (smaller.met, lost.met) == (True, True)


def test_a_goal_missed_by_little_is_not_met_and_one_reached_exactly_is() -> None:
    assert Goal("faster", 2.499, 2.5, at_least=True).met is False
    assert Goal("faster", 2.5, 2.5, at_least=True).met is True
    assert Goal("lost", 1.0, 1.0, at_least=False).met is True
    assert Goal("lost", 1.001, 1.0, at_least=False).met is False


def test_what_was_refused_or_never_timed_reaches_no_goal() -> None:
    outcomes = [
        replace(one, status=Status.REFUSED) if one.variant == PRUNED else one for one in sitting().outcomes
    ]  # fmt: skip
    found = goals(Sitting(outcomes, timed(FLOAT32, 80_000)))
    assert [goal.reached for goal in found] == [None, None, None, None, 0]
    assert [goal.met for goal in found] == [None, None, None, None, True]


def test_a_published_variant_that_is_slower_and_not_smaller_breaks_the_rule() -> None:
    larger = replace(SLOW_FIGURES, size_bytes=BASE.size_bytes, accuracy=BASE.accuracy)
    assert breaks_the_rule(published("int8", larger))
    assert not breaks_the_rule(published("int8", replace(larger, size_bytes=BASE.size_bytes - 1)))
    assert not breaks_the_rule(published("int8", replace(larger, latency_us={1: 1000.0, 32: 150_000.0})))
    assert not breaks_the_rule(replace(published("int8", larger), status=Status.REFUSED))


def test_a_published_variant_beyond_the_accuracy_bound_breaks_the_rule() -> None:
    assert not breaks_the_rule(published(PRUNED, replace(PRUNED_FIGURES, accuracy=0.98)))
    assert breaks_the_rule(published(PRUNED, replace(PRUNED_FIGURES, accuracy=0.9799)))
    assert breaks_the_rule(published(PRUNED, replace(PRUNED_FIGURES, accuracy=None)))


def test_a_published_variant_without_proof_breaks_the_rule_and_float32_never_does() -> None:
    assert breaks_the_rule(published(PRUNED, PRUNED_FIGURES, None))
    assert breaks_the_rule(Outcome(RESIDUAL_CNN, PRUNED, Status.PUBLISHED, 1.0))
    assert not breaks_the_rule(published(FLOAT32, BASE, None))


def test_what_breaks_the_rule_is_counted_in_the_last_goal() -> None:
    broken = published("bfloat16", replace(INT8_FIGURES, accuracy=0.5))
    found = goals(replace(sitting(), outcomes=[*sitting().outcomes, broken]))
    assert (found[-1].reached, found[-1].met) == (1, False)


def test_every_way_an_export_can_end_is_counted() -> None:
    assert counts(sitting().outcomes) == {"published": 3, "refused": 1, "unsupported": 1, "failed": 0}


def test_the_variants_of_the_goals_are_among_those_that_are_exported() -> None:
    flags = {variant.key: variant.flags for variant in VARIANTS}
    assert {FLOAT32, PRUNED, PRUNED_INT8} <= flags.keys()
    assert len(flags) == len(VARIANTS) == 8
    assert flags[PRUNED_INT8] == (*flags[PRUNED], "--precision", "tflite-int8")
    assert flags[PRUNED] == ("--prune", "structured:0.5", "--prune-multiple", "16")
