"""Prove the extra signatures of a written version: batch-safe, the model's answers, firm on garbage."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from export.errors import UnservableModelError
from export.options import Precision
from export.preprocess.prepared import Array, Preprocess, raw_rows
from export.runtime import ServedModel, as_rows
from export.servable import Servable
from export.signature import Signature, differences
from export.tolerance import Tolerance, difference_ratio, is_discrete, tolerance_of
from export.verify import ROWS, answered, rows_together_and_alone, trial_rows

GARBAGE = b"this is no image"


def verify_preprocess(
    version_dir: Path,
    servable: Servable,
    preprocess: Mapping[str, Preprocess],
    precision: Precision = Precision.FLOAT32,
    data: Mapping[str, Array] | None = None,
) -> None:
    """Call each extra signature on 3 made-up rows, images of different sizes among them.

    data: rows of the inputs that pass through, by alias.
    Raises: UnservableModelError naming the signature and the first promise that is broken.
    """
    if not preprocess:
        return
    plain = trial_rows(servable.signature, data)
    tolerance = tolerance_of(precision, servable.arithmetic)
    with ServedModel(version_dir) as served:
        for name, extra in preprocess.items():
            try:
                _verify_one(served, name, extra, servable.signature, plain, tolerance)
            except UnservableModelError as error:
                raise UnservableModelError(f"signature {name!r}: {error}") from error


def _verify_one(
    served: ServedModel,
    name: str,
    extra: Preprocess,
    signature: Signature,
    plain: Mapping[str, Array],
    tolerance: Tolerance,
) -> None:
    wanted = Signature(extra.inputs, signature.outputs)
    if found := differences(wanted, served.signatures[name]):
        raise UnservableModelError(f"as written it differs from the spec: {'; '.join(found)}")
    answer = functools.partial(served.predict, name=name)
    raw = raw_rows(extra, ROWS, plain)
    together = rows_together_and_alone(answer, raw, tolerance.rows)
    expected = answered(served.predict, _prepared(extra, raw, signature), f"a batch of {ROWS}")
    for alias, rows in together.items():
        if tolerance.is_lossy and is_discrete(rows):
            continue
        if (ratio := difference_ratio(rows, expected[alias])) > tolerance.rows:
            raise UnservableModelError(
                f"output {alias!r} differs by {ratio:.2g} of its range from what the model answers on prepared inputs"
            )
    _verify_garbage(served, name, extra, raw)


def _prepared(extra: Preprocess, raw: Mapping[str, Array], signature: Signature) -> dict[str, Array]:
    """Run the preparation alone, outside the written graph."""
    import tensorflow as tf

    prepare = tf.function(extra.prepare, autograph=False)
    made = prepare({alias: tf.constant(rows, extra.inputs[alias].dtype) for alias, rows in raw.items()})
    return {alias: as_rows(np.asarray(made[alias]), info.dtype) for alias, info in signature.inputs.items()}


def _verify_garbage(served: ServedModel, name: str, extra: Preprocess, raw: Mapping[str, Array]) -> None:
    """Bytes that are no image must fail their own call, as the caller's mistake, and nothing else."""
    import tensorflow as tf

    for alias in extra.encoded:
        broken = {**raw, alias: np.array([GARBAGE, *raw[alias][1:]], object)}
        try:
            served.predict(broken, name)
        except tf.errors.InvalidArgumentError:
            continue
        except tf.errors.OpError as error:
            raise UnservableModelError(
                f"bytes that are no image fail as {type(error).__name__}, not InvalidArgument"
            ) from error
        raise UnservableModelError(f"input {alias!r}: bytes that are no image are answered")
