"""Each quantized precision on each kind of model: the float32 signature, an open batch, answers near float32's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.options import Precision
from export.quantize.worker import convert
from export.quantize.write import write_quantized
from export.runtime import Array
from export.servable import Servable, servable_from_keras
from export.serving import open_served
from export.signature import Signature, read_signature
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow

QUANTIZED = [Precision.INT8, Precision.TFLITE_INT8, Precision.TFLITE_DYNAMIC, Precision.TFLITE_FLOAT16]
# error_ratio on models of random weights; noise would give 1.4; the gate judges trained ones.
NEAR = {
    Precision.INT8: 0.3,
    Precision.TFLITE_INT8: 0.3,
    Precision.TFLITE_DYNAMIC: 0.05,
    Precision.TFLITE_FLOAT16: 0.01,
}
ALONE_NEAR = 0.03  # rounding to int8 may fall the other way in a kernel for several rows


def convolution_1d() -> Any:
    import keras
    from keras import layers

    series = keras.Input((24, 4), name="series")
    x = layers.BatchNormalization()(layers.Conv1D(16, 3, padding="same", activation="relu")(series))
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(16, 3, padding="causal", activation="gelu")(x))
    return keras.Model(series, layers.Dense(3, name="scores")(x))


def recurrent() -> Any:
    import keras
    from keras import layers

    series = keras.Input((4, 4), name="series")
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(series)
    return keras.Model(series, layers.Dense(3, name="scores")(layers.GRU(8)(x)))


def attention() -> Any:
    import keras
    from keras import layers

    series = keras.Input((8, 16), name="series")
    x = layers.LayerNormalization()(layers.Add()([series, layers.MultiHeadAttention(2, 8)(series, series)]))
    return keras.Model(series, layers.Dense(3, name="scores")(layers.GlobalAveragePooling1D()(x)))


MODELS: dict[str, Callable[[], Any]] = {
    "cnn": models.branched,
    "mlp of two inputs": models.two_inputs,
    "1-d cnn": convolution_1d,
    "gru": recurrent,
    "attention": attention,
}


def rows_for(signature: Signature, rows: int, seed: int) -> dict[str, Array]:
    """Rows between -1 and 1: calibration knows the whole range."""
    rng = np.random.default_rng(seed)
    return {
        alias: rng.uniform(-1, 1, (rows, *(size or 1 for size in info.shape[1:]))).astype(info.dtype)
        for alias, info in sorted(signature.inputs.items())
    }


@dataclass(frozen=True)
class Written:
    """A model, its servable, and its float32 version."""

    model: Any
    servable: Servable
    folder: Path

    def quantized(self, precision: Precision, target: Path) -> Path:
        rows = rows_for(self.servable.signature, 128, seed=1)
        write_quantized(precision, self.servable, self.folder, target, rows, self.model, convert)
        return target


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    made: dict[str, Written] = {}

    def write(name: str) -> Written:
        if name not in made:
            import keras

            keras.utils.set_random_seed(7)
            model = MODELS[name]()
            servable = servable_from_keras(model)
            folder = tmp_path_factory.mktemp("float32") / "1"
            write_saved_model(servable, folder)
            made[name] = Written(model, servable, folder)
        return made[name]

    return write


def error_ratio(values: Array, wanted: Array) -> float:
    """The root of the mean squared difference, as a share of the same of the wanted values."""
    return float(np.sqrt(np.mean((values - wanted) ** 2) / np.mean(wanted**2)))


@pytest.mark.parametrize("precision", QUANTIZED, ids=lambda precision: precision.value)
@pytest.mark.parametrize("name", MODELS)
def test_a_quantized_version_takes_float32s_place(
    name: str, precision: Precision, written: Callable[[str], Written], tmp_path: Path
) -> None:
    float32 = written(name)
    folder = float32.quantized(precision, tmp_path / "1")
    assert read_signature(folder) == read_signature(float32.folder) == float32.servable.signature
    unrolled = {layer.unroll for layer in float32.model._flatten_layers() if hasattr(layer, "unroll")}
    assert unrolled <= {False}, "recurrent layers are unrolled only while they are written"
    inputs = rows_for(float32.servable.signature, 32, seed=2)
    with open_served(folder) as served, open_served(float32.folder) as reference:
        answers, wanted = served.predict(inputs), reference.predict(inputs)
        assert answers.keys() == wanted.keys()
        for alias, values in answers.items():
            assert (values.dtype, values.shape) == (wanted[alias].dtype, wanted[alias].shape)
            assert error_ratio(values, wanted[alias]) < NEAR[precision], alias
        for start, rows in ((0, 1), (1, 3), (4, 1), (0, 32)):
            part = served.predict({alias: values[start : start + rows] for alias, values in inputs.items()})
            for alias, values in part.items():
                assert values.shape[0] == rows
                apart = np.abs(values - answers[alias][start : start + rows]).max()
                assert apart <= ALONE_NEAR * np.abs(answers[alias]).max(), (rows, alias)


def test_int8_weights_are_a_quarter_in_both_formats(written: Callable[[str], Written], tmp_path: Path) -> None:
    float32 = written("cnn")
    before = float32.model.count_params() * 4
    for precision in (Precision.INT8, Precision.TFLITE_INT8):
        folder = float32.quantized(precision, tmp_path / precision.value)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert before * 0.25 < size < before * 0.4


def test_an_int8_saved_model_needs_no_file_but_its_graph(written: Callable[[str], Written], tmp_path: Path) -> None:
    folder = written("cnn").quantized(Precision.INT8, tmp_path / "1")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names <= {"saved_model.pb", "fingerprint.pb"}
