"""The check of generated architectures: who counts as exact and prunable, and what a crash does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.errors import BenchmarkFailed
from benchmarks.export_child import Ended, Tell
from benchmarks.prunable_sitting import CHUNK, check_all, goals

CUT = {"status": "pruned", "reason": None, "parameters": 60, "expected_parameters": 60, "right_shapes": True}


def found(number: int, status: str = "pruned", **changed: Any) -> dict[str, Any]:
    """An architecture that is right in everything but `changed`; `status` is that of ratio 0.6."""
    whole = {"number": number, "layers": ["Dense"], "parameters": 100, "exact": True, "difference": 0.0}
    return {**whole, **changed, "ratios": {"0.3": CUT, "0.6": {**CUT, "status": status}}}


def reached(*architectures: dict[str, Any]) -> list[float]:
    return [goal.reached for goal in goals(architectures)]


def ended_with(architectures: list[dict[str, Any]], status: int = 0) -> Ended:
    return Ended(status, False, "".join(f"{json.dumps(one)}\n" for one in architectures), ("last words",))


def silent(text: str) -> None:
    pass


def test_all_right_reaches_every_goal() -> None:
    assert reached(found(0), found(1)) == [1.0, 1.0, 1.0]
    assert all(goal.met for goal in goals([found(0)]))


def test_one_that_is_not_exact_misses_the_goal_whatever_the_number() -> None:
    exact, *_ = goals([*map(found, range(199)), found(199, exact=False, difference=1e-7)])
    assert (exact.reached, exact.met) == (0.995, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "error"},
        {"status": "nothing"},
        {"right_shapes": False},
        {"parameters": 61},
        {"parameters": 100, "expected_parameters": 100},
    ],
    ids=["error", "nothing to cut", "wrong shapes", "not as computed", "not fewer"],
)
def test_only_a_cut_that_is_as_computed_counts(wrong: dict[str, Any]) -> None:
    assert reached(found(0) | {"ratios": {"0.3": CUT, "0.6": {**CUT, **wrong}}}, found(1)) == [1.0, 1.0, 0.5]


def test_nineteen_of_twenty_are_enough_to_be_prunable_and_eighteen_are_not() -> None:
    some = [found(number) for number in range(20)]
    some[3] = found(3, status="error")
    assert [goal.met for goal in goals(some)] == [True, True, True]
    some[4] = found(4, status="error")
    assert [goal.met for goal in goals(some)] == [True, True, False]


def test_a_crash_counts_against_all_goals_and_the_next_process_goes_on_after_it() -> None:
    asked: list[tuple[int, int]] = []

    def run(first: int, count: int, tell: Tell) -> Ended:
        asked.append((first, count))
        if first == 0:
            return ended_with([found(number) for number in range(3)], status=-11)
        return ended_with([found(number) for number in range(first, first + count)])

    checked = check_all(CHUNK, run, silent)
    assert asked == [(0, CHUNK), (4, CHUNK - 4)]
    assert [one["number"] for one in checked] == list(range(CHUNK))
    assert checked[3]["crashed"] == "ended with status -11: last words"
    assert reached(*checked) == [1 - 1 / CHUNK] * 3


def test_work_is_handed_out_in_chunks_and_a_line_cut_short_is_no_answer() -> None:
    asked: list[tuple[int, int]] = []

    def run(first: int, count: int, tell: Tell) -> Ended:
        asked.append((first, count))
        whole = ended_with([found(number) for number in range(first, first + count)])
        return replace(whole, status=-9, timed_out=True, out=whole.out[:-20]) if first == 0 else whole

    checked = check_all(CHUNK + 3, run, silent)
    assert asked == [(0, CHUNK), (CHUNK, 3)]
    assert checked[CHUNK - 1]["crashed"].startswith("took too long")


def test_a_runner_that_says_too_little_is_told() -> None:
    with pytest.raises(BenchmarkFailed, match="answered 1 of 5 from number 0 on"):
        check_all(5, lambda first, count, tell: ended_with([found(0)]), silent)
