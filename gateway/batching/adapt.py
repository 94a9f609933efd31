"""How large a joined call may be, and how many are out, so that each is back within a target (latency_target_s).

Additive increase, multiplicative decrease (Chiu and Jain 1989), of rows first: a call of fewer rows is back sooner.
Only when a call of the fewest rows still takes too long are there too many at once.
"""

from __future__ import annotations

import enum
from typing import Final

from gateway.batching.key import ProofKey
from gateway.batching.policy import BatchPolicy

STEPS: Final = 64  # a cap grows by a sixty-fourth of the largest for each batch that it stopped and that was in time
IN_TIME_WANTED: Final = 32  # batches in time before another may be out at once
MAX_SIZERS: Final = 4096


class Verdict(enum.Enum):
    """What the time of one batch says."""

    IN_TIME = "in time"
    LATE = "late"  # the next ones are smaller
    SMALLEST_LATE = "smallest late"  # fewer rows can't help
    NOTHING = "nothing"


class Sizer:
    """Rows of one joined call of a signature: at most `rows`, between the fewest that the policy can send (1, or the
    smallest allowed size) and its `execution_rows`. What is in force is the largest allowed size that is no more.
    """

    __slots__ = ("_decreased_us", "rows")

    def __init__(self, largest: int) -> None:
        self.rows = largest
        self._decreased_us = -1

    def measured(
        self, rows: int, capped: bool, sent_us: int, now_us: int, target_us: int, policy: BatchPolicy
    ) -> Verdict:
        """A batch of `rows`, padding included, was out from `sent_us` to `now_us`, and answered.

        `capped`: it had as many rows as it might, or who waited next had too many for it. Others don't speak for a
        larger cap. A batch sent before the last decrease says nothing of the size in force. A late one of more rows
        than that is a caller's own request, which goes whatever the cap: it says nothing either.
        """
        largest, smallest = policy.execution_rows, policy.rows_allowed(1)
        in_force = policy.rows_allowed(min(self.rows, largest))
        old = sent_us < self._decreased_us
        if now_us - sent_us <= target_us:
            if capped and not old:
                self.rows += max(1, largest // STEPS)
            self.rows = min(self.rows, largest)
            return Verdict.IN_TIME
        if old:
            return Verdict.LATE
        if rows > in_force:
            return Verdict.NOTHING
        self._decreased_us = now_us
        self.rows = max(smallest, in_force * 3 // 4)
        return Verdict.SMALLEST_LATE if in_force <= smallest else Verdict.LATE


class Sizers:
    """The sizer of each signature that has a target, bounded: the oldest is forgotten first, and starts large."""

    __slots__ = ("_sizers",)

    def __init__(self) -> None:
        self._sizers: dict[ProofKey, Sizer] = {}

    def of(self, key: ProofKey, largest: int) -> Sizer:
        """`largest`: the policy's `execution_rows` now."""
        sizer = self._sizers.get(key)
        if sizer is None:
            if len(self._sizers) >= MAX_SIZERS:
                del self._sizers[next(iter(self._sizers))]
            sizer = self._sizers[key] = Sizer(largest)
        sizer.rows = min(sizer.rows, largest)
        return sizer


class Pace:
    """How many of an upstream's slots are in use at once: all of them, or fewer while calls of the fewest rows are
    late; never fewer than half, as all models of the upstream share them and only one may be slow.
    """

    __slots__ = ("_in_time", "withheld")

    def __init__(self) -> None:
        self.withheld = 0
        self._in_time = 0

    def slots(self, slots: int) -> int:
        """Of these slots, how many."""
        return slots - min(self.withheld, slots // 2)

    def measured(self, verdict: Verdict, slots: int) -> None:
        """A batch that has a target was answered; `slots` is how many there are."""
        if verdict is Verdict.SMALLEST_LATE:
            self.withheld = min(self.withheld + 1, slots // 2)
            self._in_time = 0
        elif verdict is Verdict.LATE:
            self._in_time = 0
        elif verdict is Verdict.IN_TIME and self.withheld:
            self._in_time += 1
            if self._in_time >= IN_TIME_WANTED:
                self.withheld -= 1
                self._in_time = 0
