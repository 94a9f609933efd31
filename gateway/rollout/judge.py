"""Says from counts alone whether a step may go on: hold, advance or abort, with the numbers in words.

Abort needs MIN_CALLS_TO_ABORT calls of the new version in this step, and evidence: the lower end of the 99 % Wilson
score interval (E. B. Wilson, 1927) of the new version's error ratio must exceed the old version's ratio by the margin.
So 1 error of 2 calls aborts nothing, 20 of 20 does at once. At the end of the hold an excess without that evidence is a
doubt: the step is held on, up to DOUBT_HOLDS holds; then an excess seen over enough calls aborts, and too few calls to
judge by go on.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

MIN_CALLS_TO_ABORT = 20
DOUBT_HOLDS = 3
_Z = 2.576  # the standard normal's 99.5 % point: a two-sided 99 % interval


class Verdict(enum.Enum):
    HOLD = "hold"
    ADVANCE = "advance"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls that ended and how many of them in error. Raises: ValueError unless 0 <= errors <= calls."""

    calls: int = 0
    errors: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.calls:
            raise ValueError(f"errors: {self.errors} must be from 0 to calls, which is {self.calls}")

    @property
    def error_ratio(self) -> float:
        return self.errors / self.calls if self.calls else 0.0

    def since(self, earlier: Counts) -> Counts:
        """What was added since `earlier`; counters that started anew count from 0."""
        if self.calls < earlier.calls or self.errors < earlier.errors:
            return self
        calls = self.calls - earlier.calls
        return Counts(calls, min(self.errors - earlier.errors, calls))


NONE_YET = Counts()


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    words: str


def judge(new: Counts, old: Counts, elapsed_s: float, hold_s: float, error_margin_ratio: float) -> Judgement:
    """Judge one step by what ended on both versions in it (`old`: in the last step that had enough of it)."""
    numbers = f"new {_words(new)}, old {_words(old)}"
    limit_ratio = old.error_ratio + error_margin_ratio
    enough = new.calls >= MIN_CALLS_TO_ABORT
    if enough and error_ratio_at_least(new) > limit_ratio:
        return Judgement(
            Verdict.ABORT, f"{numbers}: the error ratio exceeds the old one's by more than {error_margin_ratio:.2%}"
        )
    if elapsed_s < hold_s:
        return Judgement(Verdict.HOLD, f"{numbers}; held for {elapsed_s:.1f} of {hold_s:g} s")
    if new.error_ratio <= limit_ratio:
        return Judgement(Verdict.ADVANCE, f"{numbers}; held for {hold_s:g} s")
    if elapsed_s < DOUBT_HOLDS * hold_s:
        return Judgement(
            Verdict.HOLD, f"{numbers}: more errors than allowed but few calls to tell by; holding on for more calls"
        )
    if enough:
        return Judgement(
            Verdict.ABORT, f"{numbers}: still more errors than allowed after {DOUBT_HOLDS} holds of {hold_s:g} s"
        )
    return Judgement(
        Verdict.ADVANCE, f"{numbers}: fewer than {MIN_CALLS_TO_ABORT} calls in {DOUBT_HOLDS} holds, too few to judge by"
    )


def error_ratio_at_least(counts: Counts) -> float:
    """The lower end of the Wilson score interval: what the true error ratio is at least, at 99 % confidence."""
    if counts.calls == 0:
        return 0.0
    n, p, z2 = counts.calls, counts.error_ratio, _Z * _Z
    spread = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, (p + z2 / (2 * n) - spread) / (1 + z2 / n))


def _words(counts: Counts) -> str:
    return f"{counts.errors} of {counts.calls} calls failed ({counts.error_ratio:.2%})"
