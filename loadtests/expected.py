"""Reference scores a version: what each row's reply must be, read from a file that may grow during a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from loadtests.problems import Problems
from loadtests.rows import LABELS
from loadtests.wire import BadReply

MAX_VERSIONS: Final = 100


class ExpectedScores:
    """Scores by version and row; `refresh` reads lines appended since the last time.

    One line a version: {"version": "3", "tolerance": 0.02, "scores": [[10 numbers] for each row, in row order]}.
    """

    __slots__ = ("_offset_bytes", "_path", "_rows", "_versions", "compared", "uncompared")

    def __init__(self, path: Path | None, rows: int) -> None:
        self._path = path
        self._rows = rows
        self._offset_bytes = 0
        self._versions: dict[int, tuple[float, list[tuple[float, ...]]]] = {}
        self.compared = 0
        self.uncompared = 0

    def refresh(self) -> None:
        """Take in whole new lines; a line without its end is left for the next time. Raises: Problems."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset_bytes)
                fresh = file.read()
        except OSError as error:
            raise Problems(str(self._path), [f"can't be read: {error}"]) from error
        end = fresh.rfind(b"\n") + 1
        self._offset_bytes += end
        problems: list[str] = []
        for line in fresh[:end].splitlines():
            try:
                self._take(line)
            except (ValueError, KeyError, TypeError) as error:
                problems.append(f"{line[:40]!r}...: {error!r}")
        if problems:
            raise Problems(str(self._path), problems)

    def _take(self, line: bytes) -> None:
        entry = json.loads(line)
        version, tolerance = int(entry["version"]), float(entry["tolerance"])
        scores = [tuple(float(value) for value in row) for row in entry["scores"]]
        if len(scores) != self._rows or any(len(row) != LABELS for row in scores):
            raise ValueError(f"scores must be {self._rows} rows of {LABELS}, as many as the requests file has")
        if len(self._versions) >= MAX_VERSIONS:
            raise ValueError(f"more than {MAX_VERSIONS} versions")
        self._versions[version] = (tolerance, scores)

    def check(self, version: int, row: int, scores: tuple[float, ...]) -> None:
        """Refuse scores further from the reference than its tolerance. Raises: BadReply."""
        reference = self._versions.get(version)
        if reference is None:
            self.uncompared += 1
            return
        self.compared += 1
        tolerance, rows = reference
        difference = max(abs(got - wanted) for got, wanted in zip(scores, rows[row], strict=True))
        if difference > tolerance:
            raise BadReply(f"version {version} answers differ from the reference by more than {tolerance}")
