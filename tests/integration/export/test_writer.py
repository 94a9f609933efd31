"""Whatever an engineer has becomes one SavedModel: the weights once, the source's answers, any number of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import export.writer
from export.errors import UnservableModelError
from export.options import Precision
from export.runtime import ServedModel
from export.sample import sample_rows
from export.servable import servable_from_keras, servable_from_saved_model
from export.verify import verify_saved_model
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def recurrent() -> Any:
    """GRU, LSTM, Bidirectional and a stack of cells, all with dropout: (rows, 6, 4) -> 2 scores."""
    import keras
    from keras import layers

    steps = keras.Input((6, 4), name="steps")
    x = layers.GRU(8, return_sequences=True, dropout=0.2, recurrent_dropout=0.1)(steps)
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True, recurrent_dropout=0.2))(x)
    x = layers.RNN([layers.LSTMCell(8, dropout=0.1), layers.GRUCell(6, dropout=0.1)])(x)
    return keras.Model(steps, layers.Dense(2, name="scores")(x), name="recurrent")


def gru() -> Any:
    """One recurrent layer: (rows, 6, 4) -> 2 scores."""
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((6, 4), name="steps"), layers.GRU(8), layers.Dense(2, name="scores")])


def attention() -> Any:
    """Embedding with a mask, attention, normalisation, dropout, two outputs in a nested dict: (rows, 7) tokens."""
    import keras
    from keras import layers

    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = layers.Embedding(10, 8, mask_zero=True)(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, dropout=0.3)(x, x))
    pooled = layers.Dropout(0.5)(layers.GlobalAveragePooling1D()(x))
    heads = [layers.Dense(2)(pooled), layers.Dense(3)(pooled)]
    return keras.Model(tokens, {"pooled": pooled, "heads": heads}, name="attention")


def dict_inputs() -> Any:
    """Inputs in a dict, names that are no aliases (`class`, `a-b`), a shared layer, two outputs of one layer."""
    import keras
    from keras import layers

    inputs = {"class": keras.Input((3,), name="class"), "a-b": keras.Input((3,), name="a-b")}
    shared = layers.Dense(4, name="shared")
    return keras.Model(inputs, [shared(inputs["class"]), shared(inputs["a-b"])], name="dict_inputs")


@pytest.mark.parametrize(
    ("make", "inputs", "outputs"),
    [
        (recurrent, {"steps"}, {"scores"}),
        (attention, {"tokens"}, {"pooled", "heads_0", "heads_1"}),
        (dict_inputs, {"input_class", "a_b"}, {"shared", "shared_1"}),
        (models.squeeze_excite, {"image"}, {"scores"}),
        (models.two_inputs, {"age", "income"}, {"risk", "segment"}),
    ],
)
def test_every_kind_of_model_answers_as_keras_does(
    make: Callable[[], Any], inputs: set[str], outputs: set[str], tmp_path: Path
) -> None:
    model = make()
    servable = servable_from_keras(model)
    assert (set(servable.signature.inputs), set(servable.signature.outputs)) == (inputs, outputs)
    assert write_saved_model(servable, tmp_path)
    verify_saved_model(tmp_path, servable, Precision.FLOAT32, None)


def test_dropout_of_recurrent_layers_is_still_there_for_training_afterwards(tmp_path: Path) -> None:
    model = recurrent()
    write_saved_model(servable_from_keras(model), tmp_path)
    assert model.layers[1].cell.dropout == 0.2 and model.layers[1].cell.recurrent_dropout == 0.1


def test_a_layer_that_keeps_state_between_calls_is_refused_by_name() -> None:
    import keras

    steps = keras.Input(batch_shape=(2, 6, 4))
    model = keras.Model(steps, keras.layers.GRU(8, stateful=True, name="memory")(steps))
    with pytest.raises(UnservableModelError, match="memory: stateful=True keeps the state of one call for the next"):
        servable_from_keras(model)


def test_a_model_that_changes_its_variables_is_refused(tmp_path: Path) -> None:
    import keras

    class Counter(keras.layers.Layer):  # type: ignore[misc]  # Keras comes without types
        def build(self, shape: Any) -> None:
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.calls.assign_add(1.0)
            return x + self.calls

    x = keras.Input((2,))
    with pytest.raises(UnservableModelError, match="changes its own variables when it serves"):
        write_saved_model(servable_from_keras(keras.Model(x, Counter()(x))), tmp_path)


def test_weights_too_large_for_a_graph_stay_variables_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export.writer, "MAX_FROZEN_BYTES", 1000)
    model = models.branched()
    notes: list[str] = []
    servable = servable_from_keras(model)
    assert not write_saved_model(servable, tmp_path, notes=notes)
    assert "stay variables beside the graph" in notes[0]
    verify_saved_model(tmp_path, servable, Precision.FLOAT32, None)
    assert size_of(tmp_path) < 4 * model.count_params() + 100_000


@pytest.mark.parametrize("is_xla", [False, True])
def test_both_loaders_take_what_was_written(is_xla: bool, tmp_path: Path) -> None:
    import tensorflow as tf

    model = gru()
    servable = servable_from_keras(model)
    assert write_saved_model(servable, tmp_path, is_xla=is_xla)
    rows = sample_rows(servable.signature, 3, None)
    restored = tf.saved_model.load(tmp_path).signatures["serving_default"](**rows)
    with ServedModel(tmp_path) as served:
        for answer in (served.predict(rows), restored):
            np.testing.assert_allclose(answer["scores"], model.predict(rows["steps"], verbose=0), atol=1e-5)


def test_what_xla_cannot_compile_is_told_in_words(tmp_path: Path) -> None:
    import keras
    from keras import layers

    word = keras.Input((1,), dtype="string", name="word")
    indices = layers.StringLookup(vocabulary=["red", "green"])(word)
    servable = servable_from_keras(keras.Model(word, layers.Embedding(3, 4)(indices)))
    write_saved_model(servable, tmp_path, is_xla=True)
    with pytest.raises(UnservableModelError, match="export it without --xla"):
        verify_saved_model(tmp_path, servable, Precision.FLOAT32, None)


def test_a_saved_model_with_tables_sheds_the_second_copy_that_keras_writes(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    word = keras.Input((1,), dtype="string", name="word")
    indices = layers.StringLookup(vocabulary=["red", "green"])(word)
    scores = layers.Dense(300, name="scores")(layers.Flatten()(layers.Embedding(3, 500)(indices)))
    model = keras.Model(word, scores)
    model.export(tmp_path / "twice", verbose=False)
    servable = servable_from_saved_model(tf.saved_model.load(tmp_path / "twice"), "twice")
    assert not write_saved_model(servable, tmp_path / "once")
    verify_saved_model(tmp_path / "once", servable, Precision.FLOAT32, {"word": np.array([["red"], ["blue"]], object)})
    weights = 4 * model.count_params()
    assert size_of(tmp_path / "twice") > 2 * weights
    assert size_of(tmp_path / "once") < weights + 60_000


def test_a_model_that_keras_quantized_is_written_and_answers_as_it_does(tmp_path: Path) -> None:
    model = models.sequential()
    model.quantize("int8")
    servable = servable_from_keras(model)
    write_saved_model(servable, tmp_path)
    verify_saved_model(tmp_path, servable, Precision.FLOAT32, None)
