"""Loads, the order of a sitting, and its bound in time."""

from __future__ import annotations

import pytest

from benchmarks.plan import LOADS, MOST_S_PER_ROUND, SITTING_S, Load, Step, calls_for, seconds_per_round, steps


def test_a_load_without_callers_is_refused() -> None:
    with pytest.raises(ValueError, match="streams: got 0"):
        Load(1, 0)


def test_every_subject_meets_every_load_once_in_each_round() -> None:
    found = list(steps(["a", "b", "c"], LOADS, 5))
    assert len(found) == len(set(found)) == 3 * len(LOADS) * 5


def test_subjects_are_interleaved_and_every_other_round_goes_backwards() -> None:
    load = Load(1, 1)
    found = list(steps(["a", "b"], [load], 2))
    assert found == [Step("a", load, 1), Step("b", load, 1), Step("b", load, 2), Step("a", load, 2)]


@pytest.mark.parametrize("subjects", [2, 8, 13])
def test_more_subjects_make_measurements_shorter_and_not_the_sitting_longer(subjects: int) -> None:
    seconds = seconds_per_round(subjects, len(LOADS), 5)
    assert 0 < seconds <= MOST_S_PER_ROUND
    assert seconds * subjects * len(LOADS) * 5 <= SITTING_S * 1.01


def test_calls_are_the_same_number_for_each_caller() -> None:
    assert calls_for(2.0, 1000.0, Load(4, 16)) == 31 * 64
    assert calls_for(0.001, 1.0, Load(4, 16)) == 10 * 64
