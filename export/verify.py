"""Prove a written version before it is published: open batch, rows that don't meet, the answers of its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import UnservableModelError
from export.options import Precision
from export.sample import sample_rows
from export.servable import Servable
from export.serving import open_served
from export.signature import differences
from export.tolerance import TOLERANCES, difference_ratio, is_discrete

Array = npt.NDArray[Any]
Answer = Callable[[Mapping[str, Array]], dict[str, Array]]
ROWS = 3


def verify_saved_model(
    version_dir: Path, servable: Servable, precision: Precision, data: Mapping[str, Array] | None
) -> None:
    """Run `serving_default` on 3 rows, together and alone: both agree, and agree with the function that was written.

    version_dir: a SavedModel or a TensorFlow Lite version. data: rows by input alias; without it random ones are made.
    Raises: UnservableModelError naming the first promise that is broken.
    """
    import tensorflow as tf

    tolerance = TOLERANCES[precision]
    inputs = sample_rows(servable.signature, ROWS, data)
    with open_served(version_dir) as served:
        if found := differences(servable.signature, served.signature):
            raise UnservableModelError(f"the written signature differs from the model's: {'; '.join(found)}")
        together = rows_together_and_alone(served.predict, inputs, tolerance.rows)
    source = servable.call({alias: tf.constant(rows) for alias, rows in inputs.items()})
    for alias, rows in together.items():
        if tolerance.is_lossy and is_discrete(rows):
            continue
        if (ratio := difference_ratio(rows, np.asarray(source[alias]))) > tolerance.source:
            raise UnservableModelError(
                f"output {alias!r}: the written model differs from its source by {ratio:.2g} of its range "
                f"(allowed for {precision.value}: {tolerance.source:g})"
            )


def rows_together_and_alone(answer: Answer, inputs: Mapping[str, Array], tolerance: float) -> dict[str, Array]:
    """Answer the rows in one batch and each alone; return the batch's answers.

    Raises: UnservableModelError when a batch size isn't taken, or rows meet.
    """
    count = len(next(iter(inputs.values())))
    together = answered(answer, inputs, f"a batch of {count}")
    alone = [
        answered(answer, {alias: rows[i : i + 1] for alias, rows in inputs.items()}, "a batch of 1")
        for i in range(count)
    ]
    for alias, rows in together.items():
        stacked = np.concatenate([one[alias] for one in alone])
        if (ratio := difference_ratio(rows, stacked)) > tolerance:
            raise UnservableModelError(
                f"output {alias!r}: rows together differ from rows alone by {ratio:.2g} of the range, "
                "so callers who share a batch would change each other's answers. Look for an operation over axis 0"
            )
    return together


def answered(answer: Answer, inputs: Mapping[str, Array], what: str) -> dict[str, Array]:
    """Answer one call whose outputs must have as many rows as its inputs. Raises: UnservableModelError."""
    import tensorflow as tf

    rows = len(next(iter(inputs.values())))
    try:
        outputs = answer(inputs)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:  # TensorFlow's; TensorFlow Lite's
        text = " ".join(str(error).split())[:300]
        raise UnservableModelError(f"the written model fails on {what}: {text}{_xla_hint(text)}") from error
    for alias, values in outputs.items():
        if values.ndim == 0 or len(values) != rows:
            raise UnservableModelError(
                f"output {alias!r}: shape {values.shape} for {rows} rows in; the first dimension must be the rows'"
            )
    return outputs


def _xla_hint(text: str) -> str:
    is_xla = "XLA" in text or "tf2xla" in text
    return ". XLA can't compile an operation of this model: export it without --xla" if is_xla else ""
