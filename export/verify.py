"""Prove a written version before it is published: open batch, rows that don't meet, the answers of its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import UnservableModelError
from export.options import Precision
from export.sample import different_rows, is_constant, random_rows, sample_rows
from export.servable import Servable
from export.serving import open_served
from export.signature import Signature, TensorInfo, differences
from export.tolerance import difference_ratio, is_discrete, tolerance_of

Array = npt.NDArray[Any]
Answer = Callable[[Mapping[str, Array]], dict[str, Array]]
ROWS = 3


def verify_saved_model(
    version_dir: Path, servable: Servable, precision: Precision, data: Mapping[str, Array] | None
) -> None:
    """Run `serving_default` on 3 rows, together and alone: both agree, and agree with the function that was written.

    version_dir: a SavedModel or a TensorFlow Lite version. data: rows by input alias, of which different ones are
    picked; without it random ones are made. Inputs that are the same in all data rows hide rows that meet: with random
    numbers in these, rows are answered together and alone once more.
    Raises: UnservableModelError naming the first promise that is broken.
    """
    import tensorflow as tf

    tolerance = tolerance_of(precision, servable.arithmetic)
    inputs = trial_rows(servable.signature, data)
    with open_served(version_dir) as served:
        if found := differences(servable.signature, served.signature):
            raise UnservableModelError(f"the written signature differs from the model's: {'; '.join(found)}")
        together = rows_together_and_alone(served.predict, inputs, tolerance.rows)
        if constant := _constant_numbers(inputs):
            _try_other_numbers(served.predict, servable.signature, inputs, constant, tolerance.rows)
    source = servable.call({alias: tf.constant(rows) for alias, rows in inputs.items()})
    for alias, rows in together.items():
        if tolerance.is_lossy and is_discrete(rows):
            continue
        if (ratio := difference_ratio(rows, np.asarray(source[alias]))) > tolerance.source:
            raise UnservableModelError(
                f"output {alias!r}: the written model differs from its source by {ratio:.2g} of its range "
                f"(allowed for {precision.value}: {tolerance.source:g})"
            )


def trial_rows(signature: Signature, data: Mapping[str, Array] | None) -> dict[str, Array]:
    """The rows to try a version with, by alias: data rows that differ, or random ones."""
    return sample_rows(signature, ROWS, different_rows(data, ROWS) if data is not None else None)


def _constant_numbers(inputs: Mapping[str, Array]) -> list[str]:
    """Inputs whose rows are all alike; not texts, since a model may take few of them (encoded images, say)."""
    return sorted(alias for alias, rows in inputs.items() if rows.dtype != object and is_constant(rows))


def _try_other_numbers(
    answer: Answer, signature: Signature, inputs: Mapping[str, Array], constant: Sequence[str], tolerance: float
) -> None:
    """Answer rows together and alone with random numbers in the constant inputs. Raises: UnservableModelError."""
    rng = np.random.default_rng(0)
    infos = {alias: TensorInfo(signature.inputs[alias].dtype, inputs[alias].shape) for alias in constant}
    made = {alias: random_rows(info, ROWS, rng) for alias, info in infos.items()}
    try:
        rows_together_and_alone(answer, {**inputs, **made}, tolerance)
    except UnservableModelError as error:
        raise UnservableModelError(
            f"{error}. (Tried with random numbers in {', '.join(constant)}, since all test rows are alike there; if "
            "the model can't take such numbers, give test rows that differ)"
        ) from error


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
