"""What exports are to reach: of pruned variants in size, speed and accuracy, and the rule for all published. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Final

from benchmarks.export_models import RESIDUAL_CNN
from benchmarks.export_outcome import Figures, Outcome, Sitting, Status
from benchmarks.export_variants import FLOAT32, PRUNED, PRUNED_INT8
from benchmarks.samples import Spread

MANY_ROWS: Final = 32
FASTER, SMALLER, FASTER_INT8 = 2.5, 3.5, 8.0
_OF: Final = "residual CNN,"
MAX_DROP: Final = 0.01  # a share of rows: the gate's default, one point


@dataclass(frozen=True, slots=True)
class Goal:
    """`reached`: the figure, None when it could not be measured; `rounds` of each round where it was timed."""

    words: str
    reached: float | None
    bound: float
    at_least: bool
    rounds: Spread | None = None

    @property
    def met(self) -> bool | None:
        """None when it could not be measured."""
        if self.reached is None:
            return None
        return self.reached >= self.bound if self.at_least else self.reached <= self.bound


def goals(sitting: Sitting) -> list[Goal]:
    """All of them, of the residual CNN; those that could not be measured too."""
    pruned, base = (_published(sitting, variant) for variant in (PRUNED, FLOAT32))
    smaller = base.size_bytes / pruned.size_bytes if pruned and base else None
    broken = [one for one in sitting.outcomes if breaks_the_rule(one)]
    return [
        _faster(sitting, PRUNED, FASTER),
        Goal(f"{_OF} {PRUNED}: times smaller on disk than float32", smaller, SMALLER, at_least=True),
        Goal(
            f"{_OF} {PRUNED}: accuracy lost against float32, in points",
            _points_lost(pruned, base),
            MAX_DROP * 100,
            False,
        ),
        _faster(sitting, PRUNED_INT8, FASTER_INT8),
        Goal("all exports: published although slower and not smaller, or beyond the bound", len(broken), 0, False),
    ]


def _faster(sitting: Sitting, variant: str, bound: float) -> Goal:
    words = f"{_OF} {variant}: times lower latency of a call of {MANY_ROWS} rows than the float32 SavedModel's"
    pace = sitting.pace(RESIDUAL_CNN, variant, FLOAT32, MANY_ROWS)
    if pace is None:
        return Goal(words, None, bound, at_least=True)
    return Goal(words, pace.times_faster.median, bound, True, pace.times_faster)


def _points_lost(pruned: Figures | None, base: Figures | None) -> float | None:
    if pruned is None or base is None or pruned.accuracy is None or base.accuracy is None:
        return None
    return round((base.accuracy - pruned.accuracy) * 100, 6)


def _published(sitting: Sitting, variant: str) -> Figures | None:
    outcome = sitting.outcome(RESIDUAL_CNN, variant)
    return outcome.figures if outcome is not None and outcome.status is Status.PUBLISHED else None


def breaks_the_rule(outcome: Outcome, max_drop: float = MAX_DROP) -> bool:
    """Whether it is published although it is not smaller and slower in the mean, or lost more than the bound.

    Judged here again, by the figures alone, whatever the gate said: slower is the geometric mean over the sizes of a
    call. float32 itself is what others are held against.
    """
    figures, base = outcome.figures, outcome.baseline
    if outcome.status is not Status.PUBLISHED or outcome.variant == FLOAT32:
        return False
    if figures is None or base is None:
        return True  # published without proof
    times_faster = geometric_mean([base.latency_us[rows] / us for rows, us in figures.latency_us.items()])
    if times_faster < 1 and figures.size_bytes >= base.size_bytes:
        return True
    if figures.accuracy is None or base.accuracy is None:
        return True  # the sitting gives data to all, so accuracy is never unknown
    return base.accuracy - figures.accuracy > max_drop + 1e-9


def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many exports ended in each way."""
    return {status.value: sum(one.status is status for one in outcomes) for status in Status}
