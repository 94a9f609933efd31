"""`tidegate loadtest` against a fake server: what it counts, what it refuses to believe, how it ends."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadtests.rows import Row
from tests.fakes.predict_server import Plan, scores_for
from tests.integration.loadtests.conftest import Fake, finish, start

pytestmark = pytest.mark.slow


def reference(rows: list[Row], *versions: str) -> str:
    entries = [
        {"version": version, "tolerance": 1e-5, "scores": [scores_for(row.pixels, version) for row in rows]}
        for version in versions
    ]
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def test_a_sound_server_keeps_every_promise_and_its_split_is_counted_over_keys(
    fake: Fake, requests_file: Path, rows: list[Row], tmp_path: Path
) -> None:
    expected, record = tmp_path / "expected.jsonl", tmp_path / "record.csv"
    expected.write_text(reference(rows, "1", "2"))
    files = ("--expected-file", str(expected), "--record-file", str(record))
    run = finish(start(fake, requests_file, "--max-calls", "1500", *files), fake)
    summary = run.summary
    assert (run.status, summary["calls"], summary["failed_calls"]) == (0, 1500, 0), run.err
    assert (summary["sticky_violations"], summary["compared_replies"], summary["uncompared_replies"]) == (0, 1500, 0)
    plan = Plan()
    wanted = Counter("@".join(plan.arms[plan.arm(f"user-{key:06d}")][:2]) for key in range(200))
    assert {name: arm["keys"] for name, arm in summary["split_observed"].items()} == dict(wanted)
    assert summary["loop"] == "closed" and "closed loop" in run.out
    assert len(record.read_text().splitlines()) == 1501


def test_every_bad_answer_is_a_failed_call_with_code_and_message(fake: Fake, requests_file: Path) -> None:
    fake.plan(faults=["wrong-sum", "wrong-shape", "lying-header", "error"], every=25)
    run = finish(start(fake, requests_file, "--max-calls", "800", "--json"), fake)
    assert run.status == 1, run.err
    assert json.loads(run.out) == run.summary
    failures = {(f["code"], f["message"]) for f in run.summary["failures"]}
    assert run.summary["failed_calls"] == sum(f["count"] for f in run.summary["failures"])
    for code, message in (
        ("CONTENT", "must sum to 1"),
        ("CONTENT", "shape (1, 9)"),
        ("CONTENT", "says 999"),
        ("UNAVAILABLE", "the fake was told to fail"),
    ):
        assert any(found == code and message in text for found, text in failures), (code, message, failures)


def test_an_answer_that_differs_from_the_reference_fails(
    fake: Fake, requests_file: Path, rows: list[Row], tmp_path: Path
) -> None:
    expected = tmp_path / "expected.jsonl"
    expected.write_text(reference(rows, "7").replace('"7"', '"1"'))
    run = finish(start(fake, requests_file, "--max-calls", "300", "--expected-file", str(expected)), fake)
    assert run.status == 1
    assert run.summary["failures"][0]["message"] == "version 1 answers differ from the reference by more than 1e-05"
    assert run.summary["uncompared_replies"] > 0
    assert "failed: " in run.out and "CONTENT" in run.out


def test_a_key_that_strays_while_weights_stand_is_found(fake: Fake, requests_file: Path) -> None:
    fake.plan(faults=["flip"], every=40)
    run = finish(start(fake, requests_file, "--max-calls", "800"), fake)
    assert (run.status, run.summary["failed_calls"]) == (1, 0)
    assert run.summary["sticky_violations"] > 0
    assert "strayed: key" in run.out


@pytest.mark.parametrize(("grows", "kept"), [("3", True), ("2", False)])
def test_a_rollout_under_load_moves_keys_only_to_the_growing_version(
    fake: Fake, requests_file: Path, tmp_path: Path, grows: str, kept: bool
) -> None:
    marks, stop = tmp_path / "marks.jsonl", tmp_path / "stop"
    process = start(fake, requests_file, "--marks-file", str(marks), "--stop-file", str(stop))
    fake.wait_for_calls(600)
    entries: list[dict[str, Any]] = [{"t": time.time(), "mark": "move", "grows": [grows]}]
    for percent in (10, 50, 90):
        fake.plan(arms=[["stable", "3", percent], ["stable", "1", 90 - percent], ["canary", "2", 10]])
        fake.wait_for_calls(400)
    entries.append({"t": time.time(), "mark": "stand"})
    marks.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    fake.wait_for_calls(600)
    stop.touch()
    run = finish(process, fake)
    assert (run.status == 0) is kept, run.out
    assert (run.summary["sticky_violations"] == 0) is kept
    assert run.summary["failed_calls"] == 0
    assert [phase["mark"] for phase in run.summary["phases"]] == ["stand", "move", "stand"]
    assert "stable@3" not in run.summary["split_observed"]
    assert "stable@3" in run.summary["phases"][2]["split"]


def test_unreadable_marks_leave_stickiness_unknown_which_breaks_the_promise(
    fake: Fake, requests_file: Path, tmp_path: Path
) -> None:
    marks = tmp_path / "marks.jsonl"
    marks.write_text("nonsense\n")
    run = finish(start(fake, requests_file, "--max-calls", "200", "--marks-file", str(marks)), fake)
    assert (run.status, run.summary["sticky_violations"]) == (1, None)
    assert "unknown" in run.out


def test_a_server_without_tidegate_headers_is_measured_as_one_arm(fake: Fake, requests_file: Path) -> None:
    fake.plan(headers=False, arms=[["stable", "5", 100]])
    run = finish(start(fake, requests_file, "--max-calls", "200"), fake)
    assert run.status == 0, run.err
    assert [(arm["arm"], arm["version"]) for arm in run.summary["arms"]] == [("-", "5")]


def test_a_record_that_cannot_be_written_is_told_and_the_summary_is_kept(
    fake: Fake, requests_file: Path, tmp_path: Path
) -> None:
    run = finish(start(fake, requests_file, "--max-calls", "200", "--record-file", str(tmp_path)), fake)
    assert (run.status, run.summary["calls"]) == (1, 200)
    assert "the record could not be written" in run.out


def test_a_call_past_its_deadline_is_a_failed_call_and_none_is_abandoned(fake: Fake, requests_file: Path) -> None:
    fake.plan(faults=["silence"], every=60)
    run = finish(start(fake, requests_file, "--max-calls", "300", "--call-timeout-s", "0.5"), fake)
    assert run.status == 1
    assert {failure["code"] for failure in run.summary["failures"]} == {"DEADLINE_EXCEEDED"}
    assert (run.summary["calls"], run.summary["unfinished_calls"]) == (300, 0)
