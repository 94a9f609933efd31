"""The verdict over a variant: better than float32 in what was asked, and within the accuracy bound. Pure."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import assert_never

from export.gate.bounds import LEAST_AGREEMENT, LEAST_SHRINKING, LEAST_SPEEDUP
from export.gate.figures import Accuracy, Estimate, Figures
from export.gate.trade import costs, gains, ratio
from export.options import GateRules, Require

_ROUNDING = 1e-9  # of shares of rows, so that a drop of exactly the bound passes


class Speed(enum.Enum):
    """How a variant's latency stands to float32's, over all batch sizes: joined calls come in every size."""

    FASTER = "faster"
    AS_FAST = "as fast"
    SLOWER = "slower"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement, with its numbers. Ratios are float32's through the variant's: above 1 is a gain.

    accuracy_drop: the share of rows lost, by `drop_of`: `accuracy`, or `agreement` with float32; None when neither is
    known of held-out rows. reasons: why it is refused, a sentence each; empty when it passes. gains, costs: what it
    bought, and for what. notes: what the numbers can't tell.
    """

    rules: GateRules
    speed: Speed
    is_smaller: bool
    speedup: Estimate
    size_ratio: float
    accuracy_drop: Estimate | None
    drop_of: str | None
    reasons: tuple[str, ...]
    gains: tuple[str, ...]
    costs: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def passes(self) -> bool:
        return not self.reasons

    @property
    def is_forced(self) -> bool:
        """Published although it was refused."""
        return self.rules.is_forced and not self.passes

    @property
    def is_published(self) -> bool:
        return self.passes or self.rules.is_forced

    @property
    def headline(self) -> str:
        """One line for people: `passed: 2.10 x faster and 3.80 x smaller; accuracy -0.20 points`, `refused: ...`."""
        if not self.passes:
            return f"refused{', published by --force' if self.is_forced else ''}: {'; '.join(self.reasons)}"
        size, pace = f"{self.size_ratio:.2f} x smaller", self.speedup.value
        if self.speed is Speed.FASTER:
            words = f"{pace:.2f} x faster" + (f" and {size}" if self.is_smaller else ", not smaller")
        else:
            words = f"size only, {size}, {1 / pace:.2f} x slower" if self.speed is Speed.SLOWER else f"{size}, as fast"
        return f"passed: {words}{self._accuracy_words()}"

    def _accuracy_words(self) -> str:
        if self.accuracy_drop is None:
            return "; accuracy not judged"
        if self.drop_of == "agreement":
            return f"; {1 - self.accuracy_drop.value:.2%} of the rows answered as float32"
        return f"; accuracy {0 - self.accuracy_drop.value * 100:+.2f} points"


def judge(baseline: Figures, variant: Figures, rules: GateRules) -> Verdict:
    """Hold a variant against the float32 baseline, measured side by side with it.

    Raises: ValueError for a variant that wasn't (it has no `speedup`).
    """
    if variant.speedup is None:
        raise ValueError(f"{variant.name} wasn't measured against {baseline.name}")
    speed = speed_of(variant.speedup)
    size_ratio = ratio(baseline.size_bytes, variant.size_bytes)
    is_smaller = size_ratio >= LEAST_SHRINKING
    drop, drop_of = accuracy_drop(baseline, variant, rules)
    reasons = [*_broken(variant), *_too_inaccurate(drop, drop_of, rules), *_unlike_float32(variant, rules)]
    reasons += _not_better(speed, is_smaller, variant.speedup, size_ratio, rules.require)
    return Verdict(
        rules, speed, is_smaller, variant.speedup, size_ratio, drop, drop_of, tuple(reasons),
        tuple(gains(baseline, variant)), tuple(costs(baseline, variant)),
        tuple(_notes(baseline, variant, drop, drop_of, rules)),
    )  # fmt: skip


def speed_of(speedup: Estimate) -> Speed:
    """Faster or slower only by what noise can't explain; a speed-up that is no number is slower."""
    if speedup.value >= LEAST_SPEEDUP and speedup.low > 1:
        return Speed.FASTER
    if math.isnan(speedup.value) or (speedup.value <= 1 / LEAST_SPEEDUP and speedup.high < 1):
        return Speed.SLOWER
    return Speed.AS_FAST


def accuracy_drop(baseline: Figures, variant: Figures, rules: GateRules) -> tuple[Estimate | None, str | None]:
    """Share of held-out rows lost, and by what: right answers, or where these tell nothing the same ones."""
    if variant.difference is not None and not is_blind(baseline.accuracy, variant.accuracy, rules):
        one = variant.difference.ratio
        return Estimate(0 - one.value, 0 - one.high, 0 - one.low), "accuracy"
    if variant.agreement is not None and variant.agreement.is_held_out:
        one = variant.agreement.ratio
        return Estimate(1 - one.value, 1 - one.high, 1 - one.low), "agreement"
    return None, None


def is_blind(baseline: Accuracy, variant: Accuracy, rules: GateRules) -> bool:
    """Whether accuracy can't tell a sound variant from one that always answers the commonest class.

    So it is where float32 is right hardly more often than that: labels that aren't this model's, outputs that aren't
    classes, nearly all rows of one class. Not so when the variant itself is surely right more often.
    """
    if baseline.ratio is None or baseline.commonest is None:
        return False
    is_surely_better = variant.ratio is not None and variant.ratio.low > baseline.commonest
    return baseline.ratio.value - baseline.commonest <= rules.max_accuracy_drop and not is_surely_better


def _unlike_float32(variant: Figures, rules: GateRules) -> list[str]:
    """Rows made at random show what is broken, though not what is inaccurate."""
    one = variant.agreement
    if one is None or one.is_held_out or one.ratio.value >= min(LEAST_AGREEMENT, 1 - rules.max_accuracy_drop):
        return []
    return [
        f"{1 - one.ratio.value:.2%} of {one.rows} rows made at random are answered otherwise than by float32: it seems "
        "broken; --data shows what it does with your rows"
    ]


def _broken(variant: Figures) -> list[str]:
    if not variant.broken_rows:
        return []
    return [f"{variant.broken_rows} of {variant.checked_rows} rows answered with NaN or infinity"]


def _too_inaccurate(drop: Estimate | None, drop_of: str | None, rules: GateRules) -> list[str]:
    """The point estimate decides; its interval is shown."""
    if drop is None or drop.value <= rules.max_accuracy_drop + _ROUNDING:
        return []
    bound = f"{rules.max_accuracy_drop * 100:g}"
    if drop_of == "agreement":
        return [f"{drop.value:.2%} of the rows are answered otherwise than by float32, more than the {bound} % allowed"]
    return [f"accuracy falls by {drop.value * 100:.2f} points, more than the {bound} allowed"]


def _not_better(speed: Speed, is_smaller: bool, speedup: Estimate, size_ratio: float, require: Require) -> list[str]:
    """What --require wants and isn't there; `either` refuses what is neither faster nor smaller."""
    is_faster = speed is Speed.FASTER
    pace = f"{speedup.value:.2f} times float32's speed ({speedup.low:.2f} to {speedup.high:.2f})"
    slow = f"not faster than float32: {pace}" if speed is Speed.AS_FAST else f"slower than float32: {pace}"
    large = f"not smaller: {100 / size_ratio:.1f} % of float32's size"
    match require:
        case Require.EITHER:
            return [] if is_faster or is_smaller else [f"{slow}, and {large}"]
        case Require.FASTER:
            return [] if is_faster else [f"{slow}; --require faster"]
        case Require.SMALLER:
            return [] if is_smaller else [f"{large}; --require smaller"]
        case Require.BOTH:
            missing = [*([] if is_faster else [slow]), *([] if is_smaller else [large])]
            return [f"{', and '.join(missing)}; --require both"] if missing else []
        case _:
            assert_never(require)


def _notes(
    baseline: Figures, variant: Figures, drop: Estimate | None, drop_of: str | None, rules: GateRules
) -> list[str]:
    notes = []
    bound = rules.max_accuracy_drop
    if drop is None:
        notes.append("accuracy isn't judged: there are no held-out rows; pass --data")
    elif drop.value <= bound < drop.high:
        notes.append(
            f"{variant.checked_rows} held-out rows are too few to be sure of the accuracy bound: the loss may be as "
            f"high as {drop.high * 100:.2f} points (95 % interval), and {bound * 100:g} are allowed"
        )
    elif drop.low <= bound < drop.value:
        notes.append(f"the loss may be as low as {drop.low * 100:.2f} points (95 % interval): more rows would tell")
    if drop_of == "agreement" and variant.agreement is not None:
        notes.append(
            f"{_why_not_labels(baseline.accuracy)}, answers are compared with float32's: {variant.agreement.way}"
        )
    if baseline.broken_rows:
        notes.append(f"float32 itself answers {baseline.broken_rows} rows with NaN or infinity")
    return notes


def _why_not_labels(accuracy: Accuracy) -> str:
    if accuracy.ratio is None or accuracy.commonest is None:
        return "without labels that fit"
    return (
        f"float32 is right on {accuracy.ratio.value:.2%} of the rows, and always answering their commonest class on "
        f"{accuracy.commonest:.2%}: the labels tell too little, or aren't this model's; so"
    )
