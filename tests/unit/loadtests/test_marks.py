"""Marks cut time into standing and moving phases."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from loadtests.marks import Mark, Movement, Phase, load_marks, phases
from loadtests.problems import Problems

NONE: frozenset[str] = frozenset()


def test_without_marks_all_time_is_one_standing_phase() -> None:
    assert phases([]) == (Phase(-math.inf, math.inf, Movement.STAND, NONE),)


def test_each_mark_ends_one_phase_and_starts_the_next() -> None:
    grows = frozenset({"3"})
    assert phases([Mark(10, Movement.MOVE, grows), Mark(20, Movement.STAND)]) == (
        Phase(-math.inf, 10, Movement.STAND, NONE),
        Phase(10, 20, Movement.MOVE, grows),
        Phase(20, math.inf, Movement.STAND, NONE),
    )


def test_marks_are_read_in_file_order(tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    path.write_text('{"t": 1.5, "mark": "move", "grows": ["3"]}\n{"t": 2, "mark": "stand"}\n')
    assert load_marks(path) == (Mark(1.5, Movement.MOVE, frozenset({"3"})), Mark(2.0, Movement.STAND))


def test_no_file_means_no_marks(tmp_path: Path) -> None:
    assert load_marks(None) == ()
    assert load_marks(tmp_path / "absent") == ()


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{", "line 1"),
        ([1], "must be an object"),
        ({"t": 1}, "must be an object"),
        ({"t": 1, "mark": "stand", "why": 1}, "must be an object"),
        ({"t": "1", "mark": "stand"}, "number of unix seconds"),
        ({"t": math.inf, "mark": "stand"}, "must be unix seconds"),
        ({"t": 1, "mark": "jump"}, "'jump' is not a valid Movement"),
        ({"t": 1, "mark": "move"}, '"grows" must name versions'),
        ({"t": 1, "mark": "move", "grows": [3]}, "as text"),
        ({"t": 1, "mark": "stand", "grows": ["3"]}, '"grows" must name versions'),
    ],
)
def test_a_bad_mark_is_named(tmp_path: Path, entry: object, complaint: str) -> None:
    path = tmp_path / "marks.jsonl"
    path.write_text(entry if isinstance(entry, str) else json.dumps(entry))
    with pytest.raises(Problems, match=complaint):
        load_marks(path)


def test_marks_out_of_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    path.write_text('{"t": 2, "mark": "stand"}\n{"t": 1, "mark": "stand"}\n')
    with pytest.raises(Problems, match="earlier than the line before"):
        load_marks(path)
