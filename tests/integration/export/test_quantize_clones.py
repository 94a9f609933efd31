"""bfloat16 and float16 clones of every kind of layer: near float32, its signature kept, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnsupportedVariantError
from export.options import Precision
from export.precision import low_precision_clone
from export.sample import sample_rows
from export.servable import servable_from_keras
from export.serving import open_served
from export.tolerance import difference_ratio
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow

NEAR = {Precision.BFLOAT16: 0.03, Precision.FLOAT16: 0.005}


def sequences() -> Any:
    """Embedding with a mask, LSTM, Bidirectional GRU, TimeDistributed, attention, two inputs, a dict of outputs."""
    import keras
    from keras import layers

    words = keras.Input((6,), dtype="int32", name="words")
    facts = keras.Input((5,), name="facts")
    x = layers.LSTM(8, return_sequences=True)(layers.Embedding(9, 8, mask_zero=True)(words))
    x = layers.TimeDistributed(layers.Dense(8))(layers.Bidirectional(layers.GRU(4, return_sequences=True))(x))
    x = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.Concatenate()([x, layers.RNN([layers.GRUCell(4)])(layers.Reshape((5, 1))(facts))])
    outputs = {"kind": layers.Dense(3, activation="softmax")(x), "size": layers.Dense(1)(x)}
    return keras.Model({"words": words, "facts": facts}, outputs)


def nested_and_shared() -> Any:
    import keras
    from keras import layers

    block = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="gelu"), layers.LayerNormalization()])
    head = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(3, activation="softmax")], name="head")
    left, right = keras.Input((8,), name="left"), keras.Input((8,), name="right")
    return keras.Model([left, right], head(layers.Add()([block(left), block(block(right))])))


def with_lambda() -> Any:
    import keras
    from keras import layers

    start = keras.Input((6,), name="x")
    x = layers.Lambda(lambda x: x * 2.0)(layers.Dense(8)(start))
    return keras.Model(start, layers.Dense(3, name="scores")(x))


@pytest.mark.parametrize("make", [sequences, nested_and_shared, models.squeeze_excite, with_lambda])
def test_a_clone_answers_near_float32_under_its_signature(make: Callable[[], Any], tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(5)
    model = make()
    servable = servable_from_keras(model)
    dtypes = {alias: info.dtype for alias, info in servable.signature.outputs.items()}
    inputs = sample_rows(servable.signature, 3, None)
    wanted = servable.call(inputs)
    for precision, near in NEAR.items():
        clone = low_precision_clone(model, precision)
        assert any(variable.dtype == precision.value for variable in clone.variables)
        write_saved_model(servable_from_keras(clone, dtypes), tmp_path / precision.value)
        with open_served(tmp_path / precision.value) as served:
            assert served.signature == servable.signature
            for alias, values in served.predict(inputs).items():
                assert difference_ratio(values, np.asarray(wanted[alias])) < near, (precision, alias)


def test_the_layers_that_make_the_outputs_keep_float32_in_a_nested_head_too() -> None:
    clone = low_precision_clone(nested_and_shared(), Precision.BFLOAT16)
    head = clone.get_layer("head")
    assert [layer.compute_dtype for layer in head.layers] == ["bfloat16", "float32"]


def custom_layer(call: Callable[[Any], Any], takes_dtype: bool = True) -> Any:
    """A model around a layer of the user's own."""
    import keras

    class Own(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type information
        def __init__(self, **options: Any) -> None:
            if not takes_dtype and "dtype" in options:
                raise TypeError("unexpected keyword argument 'dtype'")
            super().__init__(**options)

        def call(self, x: Any) -> Any:
            return call(x)

    start = keras.Input((6,), name="x")
    x = Own(name="own")(keras.layers.Dense(8)(start))
    return keras.Model(start, keras.layers.Dense(3, name="scores")(x))


def test_a_custom_layer_that_needs_float32_keeps_it_and_the_notes_say_so() -> None:
    import tensorflow as tf

    notes: list[str] = []
    clone = low_precision_clone(custom_layer(lambda x: x * tf.constant(2.0)), Precision.BFLOAT16, notes)
    assert [layer.compute_dtype for layer in clone.layers if type(layer).__name__ == "Own"] == ["float32"]
    assert notes == ["custom layers keep float32, since they can't compute in bfloat16: own"]


def test_a_custom_layer_that_takes_no_dtype_is_refused_with_what_to_change() -> None:
    model = custom_layer(lambda x: x, takes_dtype=False)
    with pytest.raises(UnsupportedVariantError, match=r"'Own'.*must pass \*\*kwargs"):
        low_precision_clone(model, Precision.FLOAT16)


def test_weights_beyond_float16_are_refused_by_name() -> None:
    model = models.sequential()
    model.layers[0].kernel.assign(np.full(model.layers[0].kernel.shape, 1e5))
    with pytest.raises(UnsupportedVariantError, match=r"too large for float16.*kernel.*Use bfloat16"):
        low_precision_clone(model, Precision.FLOAT16)


def test_a_model_of_edges_alone_is_refused() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(UnsupportedVariantError, match="no weight would be bfloat16"):
        low_precision_clone(model, Precision.BFLOAT16)
