"""Loads, the order of a sitting, and its bound in time."""

from __future__ import annotations

import pytest

from benchmarks.calls import LARGE, Call
from benchmarks.plan import (
    BATCHING_LOADS,
    BATCHING_S,
    FRONT_LOADS,
    LOADS,
    MOST_S_PER_ROUND,
    SITTING_S,
    Load,
    Step,
    calls_for,
    seconds_per_round,
    steps,
)


def test_a_load_without_callers_is_refused() -> None:
    with pytest.raises(ValueError, match="streams: got 0"):
        Load(1, 0)


def test_loads_are_named_by_what_is_special_about_them() -> None:
    assert [load.name for load in FRONT_LOADS] == [
        "64 x 1",
        "4 x 16",
        "1 x 1",
        "1000 x 1",
        "64 x 1, varied",
        "2 x 4, 600 kB",
    ]


def test_only_what_h2load_cannot_make_is_made_by_our_raw_generator() -> None:
    assert [load.name for load in FRONT_LOADS if load.raw] == ["1000 x 1", "64 x 1, varied"]


def test_the_varied_load_of_batching_has_a_plain_one_of_the_same_generator_beside_it() -> None:
    assert [load.name for load in BATCHING_LOADS if load.raw] == ["64 x 1, our generator", "64 x 1, varied"]
    assert [load.name for load in BATCHING_LOADS if not load.raw] == ["64 x 1", "4 x 16", "1 x 1", "2 x 4, 600 kB"]


@pytest.mark.parametrize(("streams", "call"), [(2, LOADS[0].call), (1, LARGE)])
def test_a_load_that_no_generator_can_make_is_refused(streams: int, call: Call) -> None:
    with pytest.raises(ValueError, match="varied: our raw generator makes small calls only"):
        Load(4, streams, call, varied=True)


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


def test_the_sitting_of_batching_has_longer_measurements() -> None:
    assert seconds_per_round(9, len(BATCHING_LOADS), 5, BATCHING_S) > 1 > seconds_per_round(9, len(BATCHING_LOADS), 5)


def test_calls_are_the_same_number_for_each_caller() -> None:
    assert calls_for(2.0, 1000.0, Load(4, 16)) == 31 * 64
    assert calls_for(0.001, 1.0, Load(4, 16)) == 10 * 64
    assert calls_for(0.001, 1.0, Load(1000, 1)) == 3 * 1000
