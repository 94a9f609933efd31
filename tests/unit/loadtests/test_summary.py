"""The facts of a run are counted over the right calls, and the record stays bounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.marks import Mark, Movement
from loadtests.record import MAX_FAILURE_KINDS, MAX_PAIRS, OTHER_FAILURES, Call, CallRecord, Pair
from loadtests.summary import latencies_ms, promises_kept, summarise

V1, V2, V3 = Pair("stable", "1"), Pair("canary", "2"), Pair("stable", "3")


def test_an_empty_run_has_a_summary_of_zeros() -> None:
    summary = summarise(CallRecord(), [])
    assert (summary["calls"], summary["throughput_rps"], summary["split_observed"]) == (0, 0.0, {})
    assert summary["latency_ms"]["p99"] == 0.0


def rollout_record() -> CallRecord:
    """Ten keys, nine at v1 and one at v2, called twice; then five of the nine move to v3."""
    record = CallRecord()
    for round_number in range(2):
        for key in range(10):
            start_s = 100.0 + 10 * round_number + key
            record.answered(key, V2 if key == 9 else V1, start_s, start_s + 0.5, correct=key != 0)
    for key in range(5):
        record.answered(key, V3, 130.0 + key, 131.0 + key, correct=True)
    return record


def test_the_split_is_counted_over_keys_in_the_first_standing_phase() -> None:
    summary = summarise(rollout_record(), [Mark(125, Movement.MOVE, frozenset({"3"}))])
    split = {name: (arm["keys"], arm["percent"]) for name, arm in summary["split_observed"].items()}
    assert split == {"canary@2": (1, 10.0), "stable@1": (9, 90.0)}
    assert summary["sticky_violations"] == 0
    assert [(phase["mark"], phase["calls"], phase["keys"]) for phase in summary["phases"]] == [
        ("stand", 20, 10),
        ("move", 5, 5),
    ]


def test_the_same_calls_without_marks_are_violations() -> None:
    assert summarise(rollout_record(), [])["sticky_violations"] == 5


def test_arms_tell_calls_keys_and_accuracy() -> None:
    summary = summarise(rollout_record(), [])
    assert summary["arms"] == [
        {"arm": "canary", "version": "2", "calls": 2, "keys": 1, "accuracy_ratio": 1.0},
        {"arm": "stable", "version": "1", "calls": 18, "keys": 9, "accuracy_ratio": round(16 / 18, 4)},
        {"arm": "stable", "version": "3", "calls": 5, "keys": 5, "accuracy_ratio": 1.0},
    ]
    assert json.loads(json.dumps(summary)) == summary


def test_failures_count_as_calls_and_keep_code_and_message() -> None:
    record = rollout_record()
    for now_s in (5.0, 6.0):
        record.failed("UNAVAILABLE", "gone", now_s)
    summary = summarise(record, [])
    assert (summary["calls"], summary["failed_calls"]) == (27, 2)
    assert summary["failures"] == [{"code": "UNAVAILABLE", "message": "gone", "count": 2, "first_s": 5.0}]


def test_kinds_of_failure_are_bounded_and_the_rest_counted_together() -> None:
    record = CallRecord()
    kinds = [record.failed("INTERNAL", f"at {number}", 0.0) for number in range(MAX_FAILURE_KINDS + 7)]
    assert kinds[-1] == OTHER_FAILURES
    assert sum(failure.count for failure in record.failures()) == MAX_FAILURE_KINDS + 7
    assert record.failures()[0].count == 7


def test_calls_beyond_the_bound_are_counted_but_not_kept() -> None:
    record = CallRecord(capacity=2)
    for number in range(5):
        record.answered(number, V1, number, number + 0.1, correct=True)
    summary = summarise(record, [])
    assert (len(record), summary["calls"], summary["unrecorded_calls"]) == (2, 5, 3)


def test_a_server_that_names_endless_arms_does_not_grow_the_record() -> None:
    record = CallRecord()
    for number in range(MAX_PAIRS + 3):
        record.answered(0, Pair(f"arm-{number}", "1"), number, number + 0.1, correct=True)
    assert (len(record), record.unrecorded) == (MAX_PAIRS, 3)


def test_the_record_is_saved_as_one_line_a_call(tmp_path: Path) -> None:
    path = tmp_path / "record.csv"
    rollout_record().save(path)
    lines = path.read_text().splitlines()
    assert lines[:2] == ["key,arm,version,start_s,end_s", "0,stable,1,100.000000,100.500000"]
    assert len(lines) == 26


GOOD = {"calls": 5, "failed_calls": 0, "unfinished_calls": 0, "sticky_violations": 0, "unrecorded_calls": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"calls": 0},
        {"failed_calls": 1},
        {"unfinished_calls": 1},
        {"sticky_violations": 1},
        {"sticky_violations": None},
        {"unrecorded_calls": 1},
        {"warnings": ["the reference was unreadable"]},
    ],
)
def test_anything_failed_strayed_or_unchecked_breaks_the_promise(change: dict[str, object]) -> None:
    assert promises_kept({**GOOD, "warnings": []})
    assert not promises_kept({**GOOD, "warnings": [], **change})


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_percentiles_are_latencies_that_occurred_in_order(lengths: list[float]) -> None:
    figures = latencies_ms([Call(0, V1, 0.0, length) for length in lengths])
    occurred = {round(length * 1e3, 3) for length in lengths}
    assert {figures["p50"], figures["p95"], figures["p99"], figures["max"]} <= occurred
    assert figures["p50"] <= figures["p95"] <= figures["p99"] <= figures["max"]


@pytest.mark.parametrize(("percent", "wanted"), [(50, 500.0), (95, 950.0), (99, 990.0)])
def test_percentiles_are_nearest_ranks(percent: int, wanted: float) -> None:
    figures = latencies_ms([Call(0, V1, 0.0, number / 1e3) for number in range(1, 1001)])
    assert figures[f"p{percent}"] == wanted
