"""The marks file: when weights stood still, when they moved, and which versions grew."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loadtests.problems import Problems

MAX_MARKS = 10_000


class Movement(StrEnum):
    """What the weights did."""

    STAND = "stand"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Mark:
    """From `at_s` (unix seconds) the weights stand or move; `grows` names the versions that may gain keys."""

    at_s: float
    movement: Movement
    grows: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not math.isfinite(self.at_s):
            raise ValueError(f'"t" is {self.at_s}, must be unix seconds')
        if (self.movement is Movement.MOVE) != bool(self.grows):
            raise ValueError('"grows" must name versions for "move", and only for it')


@dataclass(frozen=True, slots=True)
class Phase:
    """The time from one mark to the next, [start_s, end_s); the outer ends are infinite."""

    start_s: float
    end_s: float
    movement: Movement
    grows: frozenset[str]


def phases(marks: Sequence[Mark]) -> tuple[Phase, ...]:
    """Cut time at the marks (ascending). Before the first mark the weights stand."""
    points = [Mark(0.0, Movement.STAND), *marks]
    ends = [*(mark.at_s for mark in marks), math.inf]
    starts = [-math.inf, *(mark.at_s for mark in marks)]
    return tuple(
        Phase(start_s, end_s, mark.movement, mark.grows)
        for start_s, end_s, mark in zip(starts, ends, points, strict=True)
    )


def load_marks(path: Path | None) -> tuple[Mark, ...]:
    """Read JSON lines {"t": unix seconds, "mark": "stand" | "move", "grows": ["3"]}; no file: no marks.

    Raises: Problems, naming every bad line, and lines out of order.
    """
    if path is None or not path.exists():
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Problems(str(path), [f"can't be read: {error}"]) from error
    marks: list[Mark] = []
    problems: list[str] = []
    for number, line in enumerate(lines[:MAX_MARKS], start=1):
        try:
            mark = _parse(line)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if marks and mark.at_s < marks[-1].at_s:
            problems.append(f'line {number}: "t" is {mark.at_s}, earlier than the line before it')
        marks.append(mark)
    if len(lines) > MAX_MARKS:
        problems.append(f"more than {MAX_MARKS} marks")
    if problems:
        raise Problems(str(path), problems)
    return tuple(marks)


def _parse(line: str) -> Mark:
    entry = json.loads(line)
    if not isinstance(entry, dict) or not {"t", "mark"} <= set(entry) <= {"t", "mark", "grows"}:
        raise ValueError('must be an object with "t", "mark" and, for "move", "grows"')
    grows = entry.get("grows", [])
    if not isinstance(grows, list) or not all(isinstance(version, str) for version in grows):
        raise ValueError('"grows" must be a list of version numbers as text')
    if isinstance(entry["t"], bool) or not isinstance(entry["t"], int | float):
        raise ValueError('"t" must be a number of unix seconds')
    return Mark(float(entry["t"]), Movement(entry["mark"]), frozenset(grows))
