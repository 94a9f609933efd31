"""What a model's scores are, told from its answers: probabilities, or raw numbers of any size. Pure.

Training, the choice of the best pass and the gate ask here, so that all decide alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_SLACK = 1e-3  # of rounding


def are_probabilities(scores: Array) -> bool:
    """Whether each row of (rows, classes), two classes at least, holds shares that sum to 1."""
    if scores.ndim != 2 or scores.shape[1] < 2 or "float" not in scores.dtype.name:
        return False
    wide = scores.astype(np.float64)  # sums of bfloat16 lose too much
    return bool((wide >= -_SLACK).all() and (np.abs(wide.sum(axis=1) - 1) < 1e-2).all())


def threshold_of(scores: Array) -> float:
    """From where on a single score a row means class 1: 0.5 of probabilities, 0 when any score lies outside 0 to 1.

    scores: (rows,) or (rows, 1), as many answers of the unchanged model as there are.
    """
    is_outside = (scores < -_SLACK) | (scores > 1 + _SLACK)  # NaN tells nothing
    return 0.0 if bool(is_outside.any()) else 0.5


def are_raw(scores: Array) -> bool:
    """Whether scores (rows, classes), or (rows, 1) of being class 1, are no probabilities."""
    return threshold_of(scores) == 0 if scores.shape[1] == 1 else not are_probabilities(scores)
