"""One trial: the same callers each alone, then joined, and what the comparison shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.batching.outcome import judges
from gateway.batching.proof import Finding
from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.wire.cut import cut_response
from gateway.wire.reasons import Uncut

# (joined answer, lone answer) -> whether they say the same
Compare = Callable[[bytes, bytes], bool]

# Nobody waits for a trial's join, and callers without a deadline give it none, but it holds a batch slot: ten seconds
# are ample for a model that is worth joining, and a replica that hangs keeps the slot no longer.
JOIN_TIMEOUT_US: Final = 10_000_000


class Trial:
    """Keeps each member's lone answer, to compare the join with. Without all of them there is nothing to find."""

    __slots__ = ("_alone", "_compare", "_missing", "_padding_rows", "_rows", "reason", "varied")

    def __init__(self, rows: Sequence[int], padding_rows: int, varied: bool, compare: Compare) -> None:
        self.varied = varied
        self.reason = ""  # of a finding that speaks against joining
        self._rows = rows
        self._padding_rows = padding_rows
        self._compare = compare
        self._alone: dict[int, bytes] = {}
        self._missing = len(rows)

    def add_alone(self, index: int, reply: bytes | None) -> bool:
        """Member `index`'s own answer, None if it failed. True when every member's is in."""
        self._missing -= 1
        if reply is not None:
            self._alone[index] = reply
        return not self._missing

    @property
    def all_answered(self) -> bool:
        """Whether no member failed alone: only then may they be joined."""
        return len(self._alone) == len(self._rows)

    def find(self, joined: bytes | None, failure: Failure | None) -> Finding:
        """What the join's outcome shows, all members having been answered; sets `reason` unless it is the same."""
        if joined is None:
            self.reason = f"joined calls failed, lone ones did not: {failure}"
            if isinstance(failure, UpstreamFailed) and failure.fate is Fate.LOST:
                return Finding.DEATH
            return Finding.REFUSED if judges(failure) else Finding.NOTHING
        parts = cut_response(joined, self._rows, self._padding_rows)
        if isinstance(parts, Uncut):
            self.reason = f"joined replies cannot be cut: {parts.value}"
            return Finding.DIFFERENT
        different = sum(not self._compare(part, self._alone[index]) for index, part in enumerate(parts))
        if different:
            self.reason = f"joined answers differ from lone ones for {different} of {len(parts)} callers"
            return Finding.DIFFERENT
        return Finding.SAME
