"""Intervals of what was counted and timed: 95 %, by scipy. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from export.gate.figures import Difference, Estimate

Floats = npt.NDArray[np.float64]
Rounds = Sequence[float] | Floats
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


def speedups(baseline: Sequence[Sequence[Rounds]], ours: Sequence[Sequence[Rounds]]) -> tuple[list[Estimate], Estimate]:
    """How many times faster: for each batch size, and their geometric mean.

    baseline[i][k], ours[i][k]: seconds of the rounds of load i at size k, both side by side; two loads at least. A
    load's ratio is that of the medians of its rounds, the value the geometric mean of the loads' ratios. The interval
    is Student's t of their logarithms: rounds of one load tell nothing of how the next load's memory will lie, and
    identical copies differ by percents from load to load, however many rounds are run.
    """
    logs = np.asarray([
        [np.log(np.median(base) / np.median(mine)) for base, mine in zip(of_base, of_ours, strict=True)]
        for of_base, of_ours in zip(baseline, ours, strict=True)
    ])  # fmt: skip
    return [_over_loads(of_size) for of_size in logs.T], _over_loads(logs.mean(axis=1))


def _over_loads(logs: Floats) -> Estimate:
    """The geometric mean of ratios, of which `logs` (loads,) are the logarithms."""
    from scipy.stats import t

    mean = float(logs.mean())
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    return Estimate(float(np.exp(mean)), float(np.exp(mean - reach)), float(np.exp(mean + reach)))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The median first, then the lower and the upper quartile."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)
