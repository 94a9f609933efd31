"""Draw the training rows that int8's ranges are read from: bounded, of every class alike, worth calibrating with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from export.data import Data
from export.errors import BadDataError, Problems
from export.runtime import Array, as_rows
from export.signature import Signature

MAX_ROWS = 256  # beyond a few hundred, ranges hardly move, and each row is one run of the float32 model
MIN_ROWS = 8
_SEED = 0


def calibration_rows(data: Data, signature: Signature) -> dict[str, Array]:
    """Return inputs by alias, each (rows, *features) in the signature's dtype: at most MAX_ROWS training rows.

    With labels, every class has the same number of rows, as far as it has as many. The same data gives the same rows.
    Raises: BadDataError for too few rows, one class alone, a constant input, NaN or infinity; all problems at once.
    """
    labels = getattr(data.train, "labels", None)
    rows = len(next(iter(data.train.inputs.values())))
    problems = []
    if rows < MIN_ROWS:
        problems.append(f"{rows} training rows; wanted {MIN_ROWS} or more (better {MAX_ROWS})")
    if labels is not None and len(labels) > 0 and len(np.unique(labels)) == 1:
        problems.append(
            f"y_train holds class {int(labels[0])} alone; wanted rows of every class, or their values lie outside "
            "the ranges"
        )
    chosen = _chosen(rows, labels)
    found = {alias: as_rows(data.train.inputs[alias][chosen], info.dtype) for alias, info in signature.inputs.items()}
    problems += [problem for alias in sorted(found) if (problem := _input_problem(alias, found[alias]))]
    if problems:
        raise BadDataError(Problems("calibration with the training rows", problems).text())
    return found


def _input_problem(alias: str, rows: Array) -> str | None:
    """Why these rows say nothing of an input's range, or None."""
    if rows.size == 0 or rows.dtype.kind not in "fiu":
        return None
    if rows.dtype.kind == "f" and not bool(np.isfinite(rows).all()):
        return f"input {alias!r} holds NaN or infinity"
    if bool((rows == rows.flat[0]).all()):
        return f"input {alias!r} is {rows.flat[0]} in all rows; wanted rows that vary as the served ones will"
    return None


def _chosen(rows: int, labels: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Indices of the rows to take, in rising order.

    Classes take turns, each giving its rows in an order drawn by the seed, until MAX_ROWS are taken.
    """
    drawn = np.random.default_rng(_SEED).permutation(rows)
    if rows <= MAX_ROWS or labels is None:
        return np.sort(drawn[:MAX_ROWS])
    drawn_labels = labels[drawn]
    turn = np.empty(rows, np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(drawn_labels == label)
        turn[places] = np.arange(len(places))
    return np.sort(drawn[np.argsort(turn, kind="stable")[:MAX_ROWS]])
