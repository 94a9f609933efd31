"""Compare answers row by row: classes, tolerance, numbers that are none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from export.signature import Signature

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
TOLERANCE = 0.05  # of an output's range over the rows: what a chart of both would hardly show


def class_output(signature: Signature) -> str | None:
    """The alias whose scores are classes: the only output, (rows, classes) or (rows,) of numbers; None without one."""
    outputs = list(signature.outputs.items())
    if len(outputs) != 1 or len(outputs[0][1].shape) not in (1, 2) or outputs[0][1].dtype == "string":
        return None
    return outputs[0][0]


def predicted_classes(scores: Array, threshold: float) -> Array:
    """Classes (rows,) of scores (rows, classes), or of one number a row: a class, or a score, 1 from `threshold` on.

    threshold: as scores.threshold_of tells it of the baseline, for all versions alike.
    """
    if scores.ndim == 2 and scores.shape[1] > 1:
        return np.asarray(scores.argmax(axis=1))
    one_each = scores.reshape(len(scores))
    return one_each.astype(np.int64) if one_each.dtype.kind in "biu" else (one_each >= threshold).astype(np.int64)


def is_real(values: Array) -> bool:
    """Floating point, ml_dtypes' kinds too."""
    return values.dtype.kind == "f" or "float" in values.dtype.name


def finite_rows(outputs: Mapping[str, Array]) -> Bools:
    """(rows,): whether all numbers of the row, in all outputs, are finite."""
    rows = len(next(iter(outputs.values())))
    good = np.ones(rows, bool)
    for values in outputs.values():
        if is_real(values):
            good &= np.isfinite(values.astype(np.float64)).reshape(rows, -1).all(axis=1)
    return good


def lows_and_highs(outputs: Mapping[str, Array]) -> dict[str, tuple[float, float]]:
    """The least and the highest finite number of each real output; both 0 where there is none."""
    found = {}
    for alias, values in outputs.items():
        if is_real(values):
            wide = values.astype(np.float64)
            numbers = wide[np.isfinite(wide)]
            found[alias] = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    return found


def rows_agree(baseline: Mapping[str, Array], ours: Mapping[str, Array], ranges: Mapping[str, float]) -> Bools:
    """(rows,): whether all outputs of the row agree: within TOLERANCE of `ranges`, or equal where they aren't real."""
    rows = len(next(iter(baseline.values())))
    good = np.ones(rows, bool)
    for alias, base in baseline.items():
        good &= _same(base, ours[alias], ranges.get(alias)).reshape(rows, -1).all(axis=1)
    return good


def _same(base: Array, ours: Array, value_range: float | None) -> Array:
    if value_range is None:
        return np.asarray(base == ours)
    a, b = base.astype(np.float64), ours.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity minus infinity: equal, by the next line
        near = np.abs(a - b) <= TOLERANCE * value_range
    return np.asarray(near | (a == b) | (np.isnan(a) & np.isnan(b)))
