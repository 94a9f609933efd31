"""The compact, bounded record of every call: key, arm, version and times, 26 bytes a call."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

MAX_RECORDED_CALLS: Final = 2_000_000
MAX_PAIRS: Final = 1_000
MAX_FAILURE_KINDS: Final = 100
OTHER_FAILURES: Final = ("OTHER", "further kinds of failure, not told apart")


class Pair(NamedTuple):
    """Where a call was answered."""

    arm: str
    version: str


class Call(NamedTuple):
    """One answered call; times in unix seconds."""

    key: int
    pair: Pair
    start_s: float
    end_s: float


@dataclass(slots=True)
class Failure:
    """Failures of one kind: gRPC code name (or CONTENT) and message."""

    code: str
    message: str
    count: int
    first_s: float


class CallRecord:
    """Every answered call until `capacity`; further ones are only counted, in `unrecorded`."""

    __slots__ = (
        "_correct",
        "_ends",
        "_failures",
        "_indices",
        "_keys",
        "_pair_indices",
        "_pairs",
        "_starts",
        "capacity",
        "unrecorded",
    )

    def __init__(self, capacity: int = MAX_RECORDED_CALLS) -> None:
        self.capacity = capacity
        self.unrecorded = 0
        self._keys = array("I")
        self._indices = array("H")
        self._starts = array("d")
        self._ends = array("d")
        self._pairs: list[Pair] = []
        self._pair_indices: dict[Pair, int] = {}
        self._correct: list[int] = []
        self._failures: dict[tuple[str, str], Failure] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def answered(self, key: int, pair: Pair, start_s: float, end_s: float, *, correct: bool) -> None:
        """Record a call whose reply passed every check; `correct` when the best score is the row's label."""
        index = self._pair_indices.get(pair)
        if len(self._keys) >= self.capacity or (index is None and len(self._pairs) >= MAX_PAIRS):
            self.unrecorded += 1
            return
        if index is None:
            index = self._pair_indices[pair] = len(self._pairs)
            self._pairs.append(pair)
            self._correct.append(0)
        self._keys.append(key)
        self._indices.append(index)
        self._starts.append(start_s)
        self._ends.append(end_s)
        self._correct[index] += correct

    def failed(self, code: str, message: str, now_s: float) -> tuple[str, str]:
        """Count a failure; return the (code, message) it is counted under, of which there are boundedly many."""
        kind = (code, message)
        if kind not in self._failures and len(self._failures) >= MAX_FAILURE_KINDS:
            kind = OTHER_FAILURES
        known = self._failures.setdefault(kind, Failure(*kind, count=0, first_s=now_s))
        known.count += 1
        return kind

    def failures(self) -> list[Failure]:
        """All kinds, the most frequent first."""
        return sorted(self._failures.values(), key=lambda failure: -failure.count)

    def calls(self) -> Iterator[Call]:
        """Every recorded call, in the order of their ends."""
        for key, index, start_s, end_s in zip(self._keys, self._indices, self._starts, self._ends, strict=True):
            yield Call(key, self._pairs[index], start_s, end_s)

    def correct_by_pair(self) -> dict[Pair, int]:
        """How many recorded replies gave the row's label the highest score."""
        return dict(zip(self._pairs, self._correct, strict=True))

    def save(self, path: Path) -> None:
        """Write one CSV line a call: key, arm, version, start_s, end_s. Raises: OSError."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("key", "arm", "version", "start_s", "end_s"))
            for call in self.calls():
                writer.writerow(
                    (call.key, call.pair.arm, call.pair.version, f"{call.start_s:.6f}", f"{call.end_s:.6f}")
                )
