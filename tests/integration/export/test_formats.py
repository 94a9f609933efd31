"""What goes in comes out: every kind of model, exported, answers as Keras does, under its own names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.options import ExportOptions, Precision
from export.run import Exported, run_export
from export.runtime import ServedModel
from tests.integration.export import models

pytestmark = pytest.mark.slow


def export(path: Path, out: Path, **changes: Any) -> Exported:
    quick = {"max_batch_size": 2, "allowed_batch_sizes": (1, 2)}
    return run_export(ExportOptions(**{"model_path": path, "name": "m", "out_dir": out, **quick, **changes}), print)


def answers(exported: Exported, inputs: dict[str, Any]) -> dict[str, Any]:
    assert exported.version_dir is not None
    with ServedModel(exported.version_dir) as served:
        return served.predict(inputs)


@pytest.mark.parametrize("make", [models.sequential, models.branched, models.squeeze_excite])
def test_a_keras_file_answers_as_keras_does(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out")
    [tensor] = model.inputs
    x = np.random.default_rng(1).standard_normal((5, *tensor.shape[1:])).astype("float32")
    served = answers(exported, {tensor.name: x})
    np.testing.assert_allclose(served["scores"], model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_several_inputs_and_outputs_keep_their_names(tmp_path: Path) -> None:
    model = models.two_inputs()
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out")
    rng = np.random.default_rng(1)
    inputs = {"age": rng.random((3, 1), "float32"), "income": rng.random((3, 4), "float32")}
    served = answers(exported, inputs)
    risk, segment = model.predict([inputs["income"], inputs["age"]], verbose=0)
    np.testing.assert_allclose(served["risk"], risk, rtol=1e-4)
    np.testing.assert_allclose(served["segment"], segment, rtol=1e-4, atol=1e-6)


def test_an_h5_file_is_exported(tmp_path: Path) -> None:
    model = models.sequential()
    model.save(tmp_path / "m.h5")
    x = np.ones((2, 12), "float32")
    served = answers(export(tmp_path / "m.h5", tmp_path / "out"), {"features": x})
    np.testing.assert_allclose(served["scores"], model.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


def test_a_saved_model_is_exported_with_its_names_and_half_the_bytes(tmp_path: Path) -> None:
    model = models.branched()
    model.export(tmp_path / "saved", verbose=False)
    exported = export(tmp_path / "saved", tmp_path / "out")
    x = np.random.default_rng(1).standard_normal((3, 8, 8, 3)).astype("float32")
    served = answers(exported, {"image": x})
    np.testing.assert_allclose(served["output_0"], model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    before = sum(path.stat().st_size for path in (tmp_path / "saved").rglob("*") if path.is_file())
    size = exported.manifest["size_bytes"]
    assert isinstance(size, int) and size < before * 0.75


def test_weights_are_written_once(tmp_path: Path) -> None:
    model = models.branched()
    model.save(tmp_path / "m.keras")
    size = export(tmp_path / "m.keras", tmp_path / "out").manifest["size_bytes"]
    assert isinstance(size, int)
    assert 4 * model.count_params() < size < 4 * model.count_params() + 60_000


def test_augmentation_is_stripped_and_the_answer_is_keras_answer(tmp_path: Path) -> None:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            keras.Sequential([layers.RandomFlip(), layers.RandomGrayscale(0.9), layers.RandomHue(0.5)], name="augment"),
            layers.Flatten(),
            layers.Dense(3, name="scores"),
        ]
    )
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out")
    x = np.random.default_rng(1).random((4, 8, 8, 3)).astype("float32")
    expected = model.layers[-1](model.layers[-2](x))
    np.testing.assert_allclose(answers(exported, {"image": x})["scores"], expected, rtol=1e-4, atol=1e-5)
    assert "augmentation layers were replaced" in str(exported.manifest["notes"])


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_a_model_with_a_vocabulary_is_exported_with_its_table(kind: str, tmp_path: Path) -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    word = keras.Input((1,), dtype="string", name="word")
    index = layers.StringLookup(vocabulary=["red", "green"])(word)
    scores = layers.Dense(2, name="scores")(layers.Flatten()(layers.Embedding(3, 4)(index)))
    model = keras.Model(word, scores)
    path = tmp_path / ("m.keras" if kind == "keras" else "saved")
    model.save(path) if kind == "keras" else model.export(path, verbose=False)
    exported = export(path, tmp_path / "out")
    words = [["red"], ["blue"], ["green"]]
    [served] = answers(exported, {"word": np.array(words, object)}).values()
    np.testing.assert_allclose(served, model(tf.constant(words)), rtol=1e-5)
    variant = exported.manifest["variant"]
    assert isinstance(variant, dict) and variant["frozen"] is False


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_low_precision_halves_the_size_and_keeps_the_callers_signature(precision: Precision, tmp_path: Path) -> None:
    model = models.branched()
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out", precision=precision)
    content: Any = exported.manifest
    assert content["size_bytes"] < 0.65 * content["baseline"]["size_bytes"]
    assert content["signature"]["outputs"]["scores"] == {"dtype": "float32", "shape": [-1, 4]}
    x = np.random.default_rng(1).standard_normal((3, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(answers(exported, {"image": x})["scores"], model.predict(x, verbose=0), atol=0.06)


def test_a_normalization_layer_survives_the_low_precision_clone(tmp_path: Path) -> None:
    import keras
    from keras import layers

    normalise = layers.Normalization()
    normalise.adapt(np.random.default_rng(1).normal(1000, 50, (200, 4)))
    model = keras.Sequential(
        [keras.Input((4,), name="x"), normalise, layers.Dense(64), layers.Dense(64), layers.Dense(2, name="y")]
    )
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out", precision=Precision.BFLOAT16)
    x = np.random.default_rng(2).normal(1000, 50, (3, 4)).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(answers(exported, {"x": x})["y"], expected, atol=0.05 * np.abs(expected).max())


def test_recurrent_models_are_exported_in_low_precision_too(tmp_path: Path) -> None:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((6, 4), name="steps"),
            layers.Bidirectional(layers.GRU(16)),
            layers.Dense(16, activation="relu"),
            layers.Dense(2, name="scores"),
        ]
    )
    model.save(tmp_path / "m.keras")
    exported = export(tmp_path / "m.keras", tmp_path / "out", precision=Precision.BFLOAT16)
    x = np.random.default_rng(2).standard_normal((3, 6, 4)).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(answers(exported, {"steps": x})["scores"], expected, atol=0.05)


def test_the_manifest_on_disk_is_what_was_reported(tmp_path: Path) -> None:
    model = models.sequential()
    model.save(tmp_path / "m.keras")
    data = models.save_data(tmp_path / "d.npz", 40, (12,), 3)
    exported = export(tmp_path / "m.keras", tmp_path / "out", data_path=data)
    assert exported.version_dir is not None
    on_disk = json.loads((exported.version_dir / "export.json").read_text())
    assert on_disk == exported.manifest
    with np.load(data) as arrays:
        right = (model.predict(arrays["x_test"], verbose=0).argmax(1) == arrays["y_test"]).mean()
    assert on_disk["accuracy"] == pytest.approx(right)
    assert set(on_disk["latency"]) == {"batch_1", "batch_2"}
    without = export(tmp_path / "m.keras", tmp_path / "out").manifest
    assert without["accuracy"] is None and without["accuracy_reason"] == "no --data given"
    assert without["source"] == on_disk["source"]
