"""Intervals of what was counted and timed: 95 %, by scipy. Pure but for a fixed seed of the resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from export.gate.figures import Difference, Estimate

Floats = npt.NDArray[np.float64]
Rounds = Sequence[float] | Floats
RESAMPLES = 999
CONFIDENCE = 0.95


def share(count: int, rows: int) -> Estimate:
    """`count` of `rows` rows, rows at least 1: Wilson's interval, which holds near 0 and 1 and for few rows."""
    from scipy.stats import binomtest

    interval = binomtest(count, rows).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(count / rows, float(interval.low), float(interval.high))


def paired_difference(gained: int, lost: int, rows: int) -> Difference:
    """Accuracy of one version minus another's on the same `rows` rows, by those that only one of them answers right.

    The interval joins Wilson's of both shares (Zou and Donner, Statistics in Medicine 27, 2008: MOVER), so that it is
    wide where no row changed but few were asked; their slight correlation, gained x lost / rows, is left out.
    """
    from scipy.stats import binomtest

    up, down = share(gained, rows), share(lost, rows)
    value = up.value - down.value
    low = value - float(np.hypot(up.value - up.low, down.high - down.value))
    high = value + float(np.hypot(up.high - up.value, down.value - down.low))
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return Difference(Estimate(value, max(low, -1.0), min(high, 1.0)), gained, lost, p_value)


def speedups(baseline: Sequence[Rounds], ours: Sequence[Rounds]) -> tuple[list[Estimate], Estimate]:
    """How many times faster: for each batch size, and their geometric mean.

    baseline[i], ours[i]: seconds of the rounds at size i, round k of both side by side. The value is the ratio of the
    medians; rounds are drawn in pairs, so that what slowed both in a round widens nothing.
    """
    values, drawn = [], []
    for base, mine in zip(baseline, ours, strict=True):
        values.append(float(np.median(base) / np.median(mine)))
        drawn.append(_resampled(np.asarray(base), np.asarray(mine)))
    one_each = [_estimate(value, ratios) for value, ratios in zip(values, drawn, strict=True)]
    mean = float(np.exp(np.mean(np.log(values))))
    return one_each, _estimate(mean, np.exp(np.mean(np.log(np.stack(drawn)), axis=0)))


def _resampled(baseline: Floats, ours: Floats) -> Floats:
    """Ratios of medians, (RESAMPLES,), of paired rounds drawn with replacement."""
    from scipy.stats import bootstrap

    found = bootstrap(
        (baseline, ours), _ratio_of_medians, paired=True, n_resamples=RESAMPLES, method="percentile", rng=0
    )
    return np.asarray(found.bootstrap_distribution)


def _ratio_of_medians(baseline: Floats, ours: Floats, axis: int = -1) -> Any:
    return np.median(baseline, axis=axis) / np.median(ours, axis=axis)


def _estimate(value: float, drawn: Floats) -> Estimate:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The median first, then the lower and the upper quartile."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)
