"""One trial: the same callers joined and each alone, and what the comparison shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.batching.proof import Finding
from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.wire.cut import cut_response
from gateway.wire.reasons import Uncut

# (joined answer, lone answer) -> whether they say the same
Compare = Callable[[bytes, bytes], bool]

# gRPC codes by which a replica judges the request itself: UNKNOWN, INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE,
# UNIMPLEMENTED, INTERNAL. The others tell of load, time or versions.
_JUDGING_CODES: Final = frozenset({2, 3, 9, 11, 12, 13})


class Trial:
    """Collects one answer per member and one of the join, in any order; `finding` once all are in."""

    __slots__ = ("_alone", "_compare", "_failure", "_missing", "_padding_rows", "_reply", "_rows", "reason", "varied")

    def __init__(self, rows: Sequence[int], padding_rows: int, varied: bool, compare: Compare) -> None:
        self.varied = varied
        self.reason = ""
        self._rows = rows
        self._padding_rows = padding_rows
        self._compare = compare
        self._alone: list[bytes | None] = [None] * len(rows)
        self._reply: bytes | None = None
        self._failure: Failure | None = None
        self._missing = len(rows) + 1

    def add_alone(self, index: int, reply: bytes | None) -> bool:
        """Member `index`'s own answer, None if it failed. True when everything is in."""
        self._alone[index] = reply
        self._missing -= 1
        return not self._missing

    def add_joined(self, reply: bytes | None, failure: Failure | None) -> bool:
        """The join's answer. True when everything is in."""
        self._reply, self._failure = reply, failure
        self._missing -= 1
        return not self._missing

    def find(self) -> Finding:
        """What the answers show; sets `reason` unless they are the same."""
        alone = [reply for reply in self._alone if reply is not None]
        if len(alone) < len(self._alone):
            self.reason = "a member failed alone"
            return Finding.NOTHING
        if self._reply is None:
            self.reason = f"joined calls failed, lone ones did not: {self._failure}"
            return Finding.REFUSED if _judges(self._failure) else Finding.NOTHING
        parts = cut_response(self._reply, self._rows, self._padding_rows)
        if isinstance(parts, Uncut):
            self.reason = f"joined replies cannot be cut: {parts.value}"
            return Finding.DIFFERENT
        different = sum(not self._compare(joined, lone) for joined, lone in zip(parts, alone, strict=True))
        if different:
            self.reason = f"joined answers differ from lone ones for {different} of {len(alone)} callers"
            return Finding.DIFFERENT
        return Finding.SAME


def _judges(failure: Failure | None) -> bool:
    """Whether a join's failure speaks against joining: the replica refused it, or died of it."""
    if not isinstance(failure, UpstreamFailed):
        return False
    return failure.fate is Fate.LOST or (failure.fate is Fate.ANSWERED and failure.code in _JUDGING_CODES)
