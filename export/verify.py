"""Prove a written SavedModel before it is published: open batch, rows that don't meet, the answers of its source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import UnservableModelError
from export.runtime import ServedModel
from export.sample import sample_rows
from export.servable import Servable
from export.signature import differences

Array = npt.NDArray[Any]
ROWS = 3
# Allowed difference, as a share of an output's largest magnitude: rounding of the computation, not of the weights.
TOLERANCE_RATIO = {"float32": 1e-3, "bfloat16": 0.05, "float16": 0.01}


def verify_saved_model(version_dir: Path, servable: Servable, precision: str, data: Mapping[str, Array] | None) -> None:
    """Run batch 1 and 3: rows alone equal rows together, and both equal the function that was written.

    Raises: UnservableModelError naming the first promise that is broken.
    """
    import tensorflow as tf

    tolerance = TOLERANCE_RATIO[precision]
    inputs = sample_rows(servable.signature, ROWS, data)
    with ServedModel(version_dir) as served:
        if found := differences(servable.signature, served.signature):
            raise UnservableModelError(f"the written signature differs from the model's: {'; '.join(found)}")
        together = _predict(served, inputs, "a batch of 3")
        alone = [
            _predict(served, {alias: rows[i : i + 1] for alias, rows in inputs.items()}, "a batch of 1")
            for i in range(ROWS)
        ]
    for alias, rows in together.items():
        stacked = np.concatenate([one[alias] for one in alone])
        if (ratio := difference_ratio(rows, stacked)) > tolerance:
            raise UnservableModelError(
                f"output {alias!r}: rows together differ from rows alone by {ratio:.2g} of the range, "
                "so callers who share a batch would change each other's answers. Look for an operation over axis 0"
            )
    source = servable.call({alias: tf.constant(rows) for alias, rows in inputs.items()})
    for alias, rows in together.items():
        if (ratio := difference_ratio(rows, np.asarray(source[alias]))) > tolerance:
            raise UnservableModelError(
                f"output {alias!r}: the written model differs from its source by {ratio:.2g} of its range"
            )


def _predict(served: ServedModel, inputs: Mapping[str, Array], what: str) -> dict[str, Array]:
    import tensorflow as tf

    rows = len(next(iter(inputs.values())))
    try:
        outputs = served.predict(inputs)
    except tf.errors.OpError as error:
        raise UnservableModelError(
            f"the written model fails on {what}: {' '.join(error.message.split())[:300]}"
        ) from error
    for alias, values in outputs.items():
        if values.ndim == 0 or len(values) != rows:
            raise UnservableModelError(
                f"output {alias!r}: shape {values.shape} for {rows} rows in; the first dimension must be the rows'"
            )
    return outputs


def difference_ratio(left: Array, right: Array) -> float:
    """The largest difference as a share of the largest magnitude; infinite for other shapes, texts, or NaN in one."""
    if left.shape != right.shape:
        return float("inf")
    if left.dtype == object or left.dtype.kind in "SUb":
        return 0.0 if bool((left.astype(str) == right.astype(str)).all()) else float("inf")
    a, b = left.astype(np.float64), right.astype(np.float64)
    if bool((np.isnan(a) != np.isnan(b)).any()):
        return float("inf")
    scale = max(float(np.nanmax(np.abs(b), initial=0.0)), 1e-6)
    return float(np.nanmax(np.abs(a - b), initial=0.0)) / scale
