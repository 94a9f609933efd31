"""What makes a reply believable: its headers, its sum, its reference."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from loadtests.expected import ExpectedScores
from loadtests.problems import Problems
from loadtests.reply import best_label, check_model, check_scores, read_arm
from loadtests.wire import BadReply, Reply

EVEN = (0.1,) * 10
REPLY = Reply("digits", 3, EVEN)


def test_the_arm_is_read_when_header_and_reply_name_the_same_version() -> None:
    headers = {"tidegate-arm": "canary", "tidegate-version": "3"}
    assert read_arm(headers, REPLY, headers_wanted=True) == "canary"


def test_a_server_without_the_headers_is_one_nameless_arm() -> None:
    assert read_arm({}, REPLY, headers_wanted=False) == "-"


@pytest.mark.parametrize(
    ("headers", "wanted", "complaint"),
    [
        ({}, True, "tidegate-arm is missing"),
        ({"tidegate-arm": "a"}, False, "tidegate-version is missing"),
        ({"tidegate-version": "3"}, False, "tidegate-arm is missing"),
        ({"tidegate-arm": "a", "tidegate-version": "4"}, True, "says 4, the reply's model_spec says 3"),
    ],
)
def test_missing_or_lying_headers_are_refused(headers: dict[str, str], wanted: bool, complaint: str) -> None:
    with pytest.raises(BadReply, match=complaint):
        read_arm(headers, REPLY, headers_wanted=wanted)


@pytest.mark.parametrize(
    ("first", "complaint"),
    [(math.nan, "not finite"), (math.inf, "not finite"), (-0.1, "outside"), (1.2, "outside"), (0.3, "sum to 1.20")],
)
def test_scores_that_are_no_softmax_are_refused(first: float, complaint: str) -> None:
    check_scores(EVEN)
    with pytest.raises(BadReply, match=complaint):
        check_scores((first, *EVEN[1:]))


def test_a_reply_in_another_models_name_is_refused() -> None:
    check_model(REPLY, "digits")
    with pytest.raises(BadReply, match="'digits', asked was 'faces'"):
        check_model(REPLY, "faces")


def test_the_best_label_is_the_highest_score() -> None:
    assert best_label((0.1, 0.7, 0.2)) == 1


def reference(version: object, rows: list[tuple[float, ...]], tolerance: float = 0.05) -> str:
    return json.dumps({"version": version, "tolerance": tolerance, "scores": rows}) + "\n"


def test_replies_are_compared_with_references_that_arrive_during_the_run(tmp_path: Path) -> None:
    path = tmp_path / "expected.jsonl"
    path.write_text("")
    expected = ExpectedScores(path, rows=1)
    expected.refresh()
    expected.check(3, 0, EVEN)
    assert (expected.compared, expected.uncompared) == (0, 1)
    whole = reference("3", [EVEN])
    path.write_text(whole[:20])
    expected.refresh()
    path.write_text(whole)
    expected.refresh()
    expected.check(3, 0, (0.14, *EVEN[1:]))
    assert (expected.compared, expected.uncompared) == (1, 1)
    with pytest.raises(BadReply, match="version 3 answers differ"):
        expected.check(3, 0, (0.16, *EVEN[1:]))


def test_a_reference_with_another_number_of_rows_is_refused_once(tmp_path: Path) -> None:
    path = tmp_path / "expected.jsonl"
    path.write_text(reference("3", [EVEN, EVEN]) + "nonsense\n" + reference("4", [EVEN]))
    expected = ExpectedScores(path, rows=1)
    with pytest.raises(Problems, match="2 problems"):
        expected.refresh()
    expected.refresh()
    expected.check(4, 0, EVEN)
    assert expected.compared == 1


def test_without_a_reference_file_every_reply_counts_as_uncompared(tmp_path: Path) -> None:
    expected = ExpectedScores(None, rows=1)
    expected.refresh()
    expected.check(1, 0, EVEN)
    assert expected.uncompared == 1
    with pytest.raises(Problems, match="can't be read"):
        ExpectedScores(tmp_path / "absent", rows=1).refresh()
