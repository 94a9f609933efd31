"""What is trained, and which pass is best, follows what a model's scores are, not what its last layer is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data import Split
from export.gate.evaluate import evaluate
from export.pruning import finetune
from export.pruning.job import Job, has_raw_scores, loss_for
from export.servable import servable_from_keras
from export.serving import open_served
from export.writer import write_saved_model

pytestmark = pytest.mark.slow
ROWS, LABELS = np.random.default_rng(1).standard_normal((64, 8)).astype("float32"), np.arange(64) % 3


def mean_of_heads(x: Any) -> Any:
    from keras import layers

    return layers.Average()([layers.Dense(3, activation="softmax")(x), layers.Dense(3, activation="softmax")(x)])


def reshaped(x: Any) -> Any:
    from keras import layers

    return layers.Reshape((3,))(layers.Dense(3, activation="softmax")(x))


def mean_of_steps(x: Any) -> Any:
    from keras import layers

    steps = layers.Dense(3, activation="softmax")(layers.Reshape((2, 4))(x))
    return layers.GlobalAveragePooling1D()(steps)


def nested(x: Any) -> Any:
    import keras

    inner = keras.Input((8,))
    return keras.Model(inner, reshaped(inner))(x)


def own_operation(x: Any) -> Any:
    import keras

    return keras.ops.softmax(keras.layers.Dense(3)(x))


def passed_sigmoid(x: Any) -> Any:
    from keras import layers

    return layers.Identity()(layers.Dense(1, activation="sigmoid")(x))


def plain(x: Any) -> Any:
    import keras

    return keras.layers.Dense(3)(x)


def plain_single(x: Any) -> Any:
    import keras

    return keras.layers.Dense(1)(x)


@pytest.mark.parametrize(
    ("head", "is_raw"),
    [
        (mean_of_heads, False), (reshaped, False), (mean_of_steps, False), (nested, False), (own_operation, False),
        (passed_sigmoid, False), (plain, True), (plain_single, True),
    ],
)  # fmt: skip
def test_the_loss_is_the_cross_entropy_of_the_probabilities_that_the_model_means(
    head: Callable[[Any], Any], is_raw: bool
) -> None:
    import keras

    keras.utils.set_random_seed(1)
    given = keras.Input((8,), name="x")
    model = keras.Model(given, head(given))
    found = has_raw_scores(model, Split({"x": ROWS}, LABELS), ["x"])
    assert found is is_raw
    scores = np.asarray(model(ROWS), np.float64)
    if scores.shape[1] == 1:
        labels, ones = LABELS.clip(0, 1), 1 / (1 + np.exp(-scores)) if is_raw else scores
        shares = np.concatenate([1 - ones, ones], axis=1)
    else:
        labels = LABELS
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) if is_raw else scores
    wanted = -np.log(shares[np.arange(64), labels]).mean()
    assert float(loss_for(model, found)(labels, model(ROWS))) == pytest.approx(wanted, rel=1e-4)


def test_a_cut_model_is_trained_as_the_whole_one_was() -> None:
    import keras

    model = keras.Sequential([keras.Input((8,), name="x"), keras.layers.Dense(1)])
    model.layers[0].bias.assign([0.5])
    split = Split({"x": ROWS}, LABELS)
    assert has_raw_scores(model, split, ["x"])
    model.layers[0].kernel.assign(np.zeros((8, 1)))  # as a deep cut may leave it: its own scores look like shares
    assert not has_raw_scores(model, split, ["x"])
    assert loss_for(model, True).get_config()["from_logits"]


def test_a_single_raw_score_means_class_1_from_0_on_when_passes_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    rows = np.random.default_rng(1).standard_normal((400, 8)).astype("float32")
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.layers[0].kernel.assign(np.eye(8, 1) * 0.02)  # right on every row, and no score is as high as 0.5
    finetune.fine_tune(model, [rows], (rows[:, 0] > 0).astype("int64"), Job(1, 1, False, True))
    kept = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert kept["accuracy"] > 0.9 and kept["rows"] == 40


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_the_gate_takes_a_single_score_as_training_does(activation: str | None, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8,), name="x"), keras.layers.Dense(1, activation=activation)])
    model.layers[0].kernel.assign(np.eye(8, 1) * 0.5)  # raw scores from -1 to 1: most of class 1 are below 0.5
    labels = (ROWS[:, 0] > 0).astype("int64")
    write_saved_model(servable_from_keras(model), tmp_path / "1")
    with open_served(tmp_path / "1") as served:
        accuracy = evaluate([served, served], Split({"x": ROWS}, labels))[1].accuracy
    assert accuracy.ratio is not None and accuracy.ratio.value == 1
