"""A written version is proved: rows that meet, answers of another model, and arithmetic coarser than float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnservableModelError
from export.options import Precision
from export.servable import Servable, servable_from_keras, servable_from_saved_model
from export.verify import verify_saved_model
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow


def test_rows_that_meet_are_refused_whatever_the_precision(tmp_path: Path) -> None:
    import tensorflow as tf

    base = servable_from_keras(models.sequential())

    def mixed(inputs: Any) -> dict[str, Any]:
        return {alias: values - tf.reduce_mean(values, axis=0) for alias, values in base.call(inputs).items()}

    servable = Servable(mixed, base.signature, base.resources)
    write_saved_model(servable, tmp_path)
    for precision in Precision:
        with pytest.raises(UnservableModelError, match="would change each other's answers"):
            verify_saved_model(tmp_path, servable, precision, None)


def meeting() -> Servable:
    """Two inputs whose rows meet in the mean of each: (rows, 2) and (rows, 2) -> (rows, 2)."""
    import keras
    import tensorflow as tf

    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    base = servable_from_keras(keras.Model([a, b], keras.layers.Add(name="sum")([a, b])))

    def mixed(inputs: Any) -> dict[str, Any]:
        means = [tf.reduce_mean(values, axis=0) for values in inputs.values()]
        return {alias: values - means[0] - means[1] for alias, values in base.call(inputs).items()}

    return Servable(mixed, base.signature, base.resources)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([0, 0, 0, 0, 1], [0, 0, 0, 0, 1], "Look for an operation over axis 0$"),  # the first rows are alike
        ([7], [7], "since all test rows are alike there"),
        ([7, 7, 7], [7, 7, 7], "random numbers in a, b"),
    ],
)
def test_rows_that_meet_are_refused_when_the_test_rows_are_alike(
    a: list[int], b: list[int], said: str, tmp_path: Path
) -> None:
    servable = meeting()
    write_saved_model(servable, tmp_path)
    data = {alias: np.repeat(np.array(rows, "float32")[:, None], 2, 1) for alias, rows in (("a", a), ("b", b))}
    with pytest.raises(UnservableModelError, match=said):
        verify_saved_model(tmp_path, servable, Precision.FLOAT32, data)


def test_test_rows_that_are_alike_are_no_reason_to_refuse_a_sound_model(tmp_path: Path) -> None:
    servable = servable_from_keras(models.two_inputs())
    write_saved_model(servable, tmp_path)
    rows = {"age": np.full((1, 1), 7, "float32"), "income": np.full((1, 4), 7, "float32")}
    verify_saved_model(tmp_path, servable, Precision.FLOAT32, rows)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_of_mixed_precision_is_held_to_its_own_arithmetic_from_keras_and_from_a_saved_model(
    policy: str, tmp_path: Path
) -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    features = keras.Input((12,), name="features")
    x = layers.Dense(32, activation="relu", dtype=policy)(features)
    servable = servable_from_keras(keras.Model(features, layers.Dense(3, dtype="float32", name="scores")(x)))
    assert servable.arithmetic.value == policy.removeprefix("mixed_")
    write_saved_model(servable, tmp_path)
    restored = servable_from_saved_model(tf.saved_model.load(tmp_path), tmp_path)
    assert restored.arithmetic is servable.arithmetic

    def rounded_elsewhere(inputs: Any) -> dict[str, Any]:
        return {alias: values * 1.004 for alias, values in servable.call(inputs).items()}

    near = Servable(rounded_elsewhere, servable.signature, servable.resources, servable.arithmetic)
    verify_saved_model(tmp_path, near, Precision.FLOAT32, None)
    with pytest.raises(UnservableModelError, match=r"allowed for float32: 0\.001"):
        plain = Servable(rounded_elsewhere, servable.signature, servable.resources)
        verify_saved_model(tmp_path, plain, Precision.FLOAT32, None)


def test_another_models_answers_are_refused(tmp_path: Path) -> None:
    first, second = models.sequential(), models.sequential()
    models.randomised(second)
    write_saved_model(servable_from_keras(first), tmp_path)
    with pytest.raises(UnservableModelError, match=r"differs from its source by .* \(allowed for bfloat16: 0.05\)"):
        verify_saved_model(tmp_path, servable_from_keras(second), Precision.BFLOAT16, None)
