"""Rounds of cutting and fine-tuning in child processes: shares of the epochs, the user's own code, narrow layers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data import Data, Split
from export.options import ExportOptions, PruneSpec
from export.pruning import finetune
from export.pruning.child import fine_tune_in_child, narrow_convolutions
from export.pruning.job import Job, own_modules
from export.pruning.prune import prune_model
from export.pruning.taylor import layer_terms

pytestmark = pytest.mark.slow

OWN_CODE = """
import keras
from keras import ops


@keras.saving.register_keras_serializable("own")
def squashed(x):
    return ops.tanh(x) * 2


class Doubled(keras.layers.Layer):
    def call(self, x):
        return x * 2
"""


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_layers_of_a_user.py").write_text(OWN_CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    yield importlib.import_module("own_layers_of_a_user")
    del sys.modules["own_layers_of_a_user"]


def separable_rows(rows: int = 800) -> Split:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, 12)).astype("float32")
    return Split({"features": x}, x[:, :3].argmax(axis=1))


def right(model: Any, split: Split) -> float:
    scores = np.array(model(split.inputs["features"]))
    return float((scores.argmax(axis=1) == split.labels).mean())


def test_each_round_cuts_and_trains_its_share_with_the_users_own_layers(own_code: Any) -> None:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((12,), name="features"), own_code.Doubled(), layers.Dense(64, activation="relu", name="first"),
            layers.Dense(64, activation="relu", name="second"), layers.Dense(3, activation=own_code.squashed),
        ]
    )  # fmt: skip
    assert own_modules(model) == ("own_layers_of_a_user",)
    split = separable_rows()
    options = ExportOptions(
        Path("m.keras"), "m", Path("out"), prune=PruneSpec(0.5, rounds=2, multiple=8),
        data_path=Path("d.npz"), fine_tune_epochs=9, trust_model_code=True,
    )  # fmt: skip
    told: list[str] = []
    smaller, account = prune_model(model, options, Data(split, split), told.append)
    assert [layer.units for layer in smaller.layers if hasattr(layer, "units")] == [32, 32, 3]
    assert [line.split(":")[0] for line in told if "round" in line] == [
        "Pruning, round 1 of 2", "Pruning, round 2 of 2"
    ]  # fmt: skip
    rounds: Any = account["rounds"]
    assert [one["fine_tune_epochs"] for one in rounds] == [4, 5]
    assert rounds[0]["parameters"] > rounds[1]["parameters"] == smaller.count_params()
    assert sum("fine-tuning, pass" in line for line in told) == 9
    assert right(smaller, split) > 0.6


def test_a_round_in_which_nothing_goes_leaves_its_epochs_to_the_next() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((12,), name="features"), keras.layers.Dense(32, name="first"), keras.layers.Dense(3)]
    )
    split = separable_rows(60)
    options = ExportOptions(
        Path("m.keras"), "m", Path("out"), prune=PruneSpec(0.5, rounds=3), data_path=Path("d.npz"), fine_tune_epochs=0
    )
    told: list[str] = []
    smaller, account = prune_model(model, options, Data(split, split), told.append)
    assert told[0] == "Pruning, round 1 of 3: nothing goes yet; widths stay multiples of 16"
    assert smaller.layers[0].units == 16
    assert len(account["rounds"]) < 3  # type: ignore[arg-type]  # plain JSON


def test_narrow_convolutions_are_trained_without_onednn_and_frozen_layers_learn_too() -> None:
    import keras
    from keras import layers

    rows = keras.Input((12,), name="features")
    x = layers.Conv1D(8, 3, activation="relu", name="narrow")(layers.Reshape((12, 1))(rows))
    model = keras.Model(rows, layers.Dense(3)(layers.Flatten()(layers.Conv1D(16, 3, name="wide")(x))))
    assert narrow_convolutions(model) == ["narrow"]
    model.get_layer("wide").trainable = False
    frozen = np.array(model.get_layer("wide").kernel.value)
    told: list[str] = []
    split = separable_rows()
    before = right(model, split)
    fine_tune_in_child(model, split, Job(4, 1, False, True), told.append)
    assert "TF_ENABLE_ONEDNN_OPTS=0" in told[0] and told[0].endswith("corrupt its memory: narrow")
    assert right(model, split) > before + 0.2
    assert not np.array_equal(frozen, np.array(model.get_layer("wide").kernel.value))


def test_texts_reach_the_child() -> None:
    import keras
    from keras import layers

    words = keras.Input((1,), dtype="string", name="word")
    x = layers.StringLookup(vocabulary=["cat", "dog", "hen"], output_mode="one_hot")(words)
    model = keras.Model(words, layers.Dense(3)(layers.Dense(32, activation="relu")(x)))
    rows = np.array([["cat"], ["dog"], ["hen"]] * 100, dtype=object)
    split = Split({"word": rows}, np.array([0, 1, 2] * 100))
    fine_tune_in_child(model, split, Job(8, 1, False, True), print)
    import tensorflow as tf

    assert np.array(model(tf.constant([["cat"], ["dog"], ["hen"]]))).argmax(axis=1).tolist() == [0, 1, 2]


def test_inputs_and_outputs_in_dicts_are_trained_too() -> None:
    import keras
    from keras import layers

    left, right_half = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    x = layers.Dense(32, activation="relu")(layers.Concatenate()([left, right_half]))
    scores = layers.Dense(3)(layers.BatchNormalization()(x))
    model = keras.Model({"right": right_half, "left": left}, {"scores": scores})
    split = separable_rows()
    halves = {"left": split.inputs["features"][:, :6], "right": split.inputs["features"][:, 6:]}
    ordered = [halves[tensor.name] for tensor in model.inputs]
    finetune.fine_tune(model, ordered, split.labels, Job(6, 1, False, True))
    assert (np.array(model(halves)["scores"]).argmax(axis=1) == split.labels).mean() > 0.7
    terms = layer_terms(model, ordered, split.labels, True)
    assert {values.shape for values in terms.values()} == {(32,), (3,)}


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_score_of_being_class_1_is_trained_too(activation: str | None) -> None:
    import keras

    score = keras.layers.Dense(1, activation=activation, kernel_initializer="zeros")  # the same start each time
    model = keras.Sequential([keras.Input((12,), name="features"), score])
    split = separable_rows()
    labels = (split.inputs["features"][:, 0] > 0).astype("int64")
    finetune.fine_tune(model, [split.inputs["features"]], labels, Job(30, 1, False, activation is None))
    scores = np.array(model(split.inputs["features"])).ravel()
    assert ((scores > (0.5 if activation else 0)) == labels).mean() > 0.8
    assert [
        values.shape for values in layer_terms(model, [split.inputs["features"]], labels, activation is None).values()
    ] == [(1,)]


def knowing() -> Any:
    """A model that is right on every row of `separable_rows`."""
    import keras

    model = keras.Sequential([keras.Input((12,), name="features"), keras.layers.Dense(3)])
    model.layers[0].kernel.assign(np.eye(12, 3) * 5)
    return model


def test_weights_that_training_spoils_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "LEARNING_RATE", 30.0)
    model, split = knowing(), separable_rows()
    assert split.labels is not None
    labels = np.where(np.arange(800) % 3 > 0, (split.labels + 1) % 3, split.labels)
    _, judged = finetune.split_rows(800, 1)
    labels[judged] = split.labels[judged]  # what is trained on is mostly wrong, what judges is right
    finetune.fine_tune(model, [split.inputs["features"]], labels, Job(2, 1, False, True))
    np.testing.assert_array_equal(np.array(model.layers[0].kernel.value), np.eye(12, 3, dtype="float32") * 5)


def test_fine_tuning_is_repeatable() -> None:
    import keras

    found = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((12,), name="features"), keras.layers.Dense(3)])
        split = separable_rows()
        finetune.fine_tune(model, [split.inputs["features"]], split.labels, Job(2, 1, False, True))
        found.append(np.array(model.layers[0].kernel.value))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)
