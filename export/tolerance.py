"""How far answers may differ before they count as different: one table, a reason for each number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.options import Precision

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Allowed differences, as shares of an output's largest magnitude.

    rows: between a row answered alone and among others. source: between the written version and the function it was
    made of. is_lossy: classes and texts may flip against the source where two are nearly equal, so the gate's accuracy
    judges them, not this.
    """

    rows: float
    source: float
    is_lossy: bool


# Batch sizes take other kernels, which sum in another order: that moves the last bits of the arithmetic, over all
# layers. The clones of another dtype are compared with themselves; the quantized ones with their float32 source, which
# only tells a broken model from a rounded one: how much accuracy it costs is measured by the gate.
TOLERANCES = {
    Precision.FLOAT32: Tolerance(1e-3, 1e-3, False),  # 24 bits; 1e-3 leaves room for 10,000 steps of a recurrent layer
    Precision.BFLOAT16: Tolerance(0.05, 0.05, True),  # 8 bits: one rounding is 0.4 %
    Precision.FLOAT16: Tolerance(0.01, 0.01, True),  # 11 bits: one rounding is 0.05 %
    Precision.INT8: Tolerance(0.05, 0.5, True),  # one of 255 steps is 0.4 % of a tensor's range, in every layer
    Precision.TFLITE_INT8: Tolerance(0.05, 0.5, True),  # the same, activations too; recurrent layers gather it
    Precision.TFLITE_DYNAMIC: Tolerance(0.1, 0.5, True),  # activations are scaled by the range of the batch they share
    Precision.TFLITE_FLOAT16: Tolerance(1e-3, 0.02, True),  # weights of 11 bits, computed in float32
}


_COARSEST_FIRST = (Precision.BFLOAT16, Precision.FLOAT16)  # 8 bits, 11 bits


def coarsest_arithmetic(dtypes: Iterable[str]) -> Precision:
    """The coarsest of the float dtypes that a model computes in; FLOAT32 for all finer ones."""
    found = set(dtypes)
    return next((one for one in _COARSEST_FIRST if one.value in found), Precision.FLOAT32)


def tolerance_of(precision: Precision, arithmetic: Precision) -> Tolerance:
    """The bounds of a version: those of its precision, or of the source's own arithmetic where that is coarser.

    arithmetic: what the model itself computes in, such as bfloat16 under Keras' policy mixed_bfloat16.
    """
    wanted, own = TOLERANCES[precision], TOLERANCES[arithmetic]
    return Tolerance(max(wanted.rows, own.rows), max(wanted.source, own.source), wanted.is_lossy or own.is_lossy)


def difference_ratio(left: Array, right: Array) -> float:
    """The largest difference as a share of the largest magnitude; infinite for other shapes, texts, or NaN in one."""
    if left.shape != right.shape:
        return float("inf")
    if is_discrete(left):
        return 0.0 if bool((_plain(left) == _plain(right)).all()) else float("inf")
    a, b = left.astype(np.float64), right.astype(np.float64)
    if bool((np.isnan(a) != np.isnan(b)).any()):
        return float("inf")
    same = a == b  # infinities of one sign too
    scale = max(float(np.nanmax(np.abs(b), initial=0.0, where=np.isfinite(b))), 1e-6)
    with np.errstate(invalid="ignore"):  # infinity minus itself, left out by `where`
        distance = np.abs(a - b)
    return float(np.nanmax(distance, initial=0.0, where=~same & ~np.isnan(a))) / scale


def is_discrete(values: Array) -> bool:
    """Whole numbers, texts and truths: they are equal or not, never near."""
    return values.dtype == object or values.dtype.kind in "SUbiu"


def _plain(values: Array) -> Array:
    return values.astype(str) if values.dtype == object or values.dtype.kind == "S" else values
