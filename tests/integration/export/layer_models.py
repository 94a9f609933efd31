"""A small model for each kind of layer that pruning knows, with random weights; `MIXING` names those that normalise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.integration.export.architectures import randomise

Change = Callable[[Any], Any]


def _model(shape: tuple[int | None, ...], change: Change, dtype: str = "float32") -> Any:
    """An input, what a case does with it, all positions summed up if any are left, and two scores."""
    import keras
    from keras import layers

    given = keras.Input(shape, dtype=dtype, name="given")
    x = change(given)
    if len(x.shape) > 2:
        x = getattr(layers, f"GlobalAveragePooling{len(x.shape) - 2}D")()(x)
    model = keras.Model(given, layers.Dense(2, name="scores")(x))
    randomise(model, np.random.default_rng(3))
    return model


IMAGE, STEPS, UNITS, TOKENS = (6, 6, 3), (8, 4), (10,), (5,)


def conv_3d() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Conv3D(32, 2, activation="relu")(layers.ZeroPadding3D()(x))
        x = layers.MaxPooling3D()(layers.Conv3DTranspose(32, 2)(layers.BatchNormalization()(x)))
        return layers.Cropping3D()(layers.UpSampling3D()(layers.AveragePooling3D(1)(x)))

    return _model((4, 4, 4, 2), change)


def depthwise_multiplied() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.DepthwiseConv2D(3, depth_multiplier=3, activation="relu")(layers.Conv2D(32, 1)(x))
        x = layers.Flatten()(layers.SeparableConv2D(32, 3, depth_multiplier=2)(x))
        return layers.Dense(32)(x)

    return _model(IMAGE, change)


def grouped() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Conv2D(64, 3, groups=4, activation="relu")(layers.Conv2D(32, 1)(x))
        return layers.Conv2D(48, 1)(layers.BatchNormalization()(x))

    return _model(IMAGE, change)


def grouped_twice_at_nested_places() -> Any:
    from keras import layers

    return _model(
        IMAGE, lambda x: layers.Conv2D(64, 1, groups=4)(layers.Conv2D(64, 1, groups=2)(layers.Conv2D(32, 1)(x)))
    )


def depthwise_as_grouped() -> Any:
    from keras import layers

    return _model(IMAGE, lambda x: layers.Conv2D(64, 3, groups=32, activation="relu")(layers.Conv2D(32, 1)(x)))


def group_norms() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Conv2D(32, 1)(x)
        for groups in (4, 1, -1, 8):
            x = layers.Add()([x, layers.Conv2D(32, 3, padding="same")(layers.GroupNormalization(groups)(x))])
        return x

    return _model(IMAGE, change)


def layer_norms() -> Any:
    from keras import layers
    from keras.src.applications.convnext import LayerScale  # Keras gives it no public name

    def change(x: Any) -> Any:
        for axis in (-1, [1, 2, 3], [1, 2, -1], 1):
            x = layers.LayerNormalization(axis=axis)(layers.Conv2D(32, 1)(x))
        x = LayerScale(0.1, 32)(layers.Conv2D(32, 1)(x))
        return layers.UnitNormalization()(layers.RMSNormalization()(x))

    return _model(IMAGE, change)


def time_distributed() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.TimeDistributed(layers.Conv2D(32, 3, activation="relu"))(x)
        x = layers.TimeDistributed(layers.BatchNormalization(axis=3))(x)
        x = layers.TimeDistributed(layers.Flatten())(layers.TimeDistributed(layers.MaxPooling2D())(x))
        x = layers.TimeDistributed(layers.Reshape((2, 32)))(layers.TimeDistributed(layers.Dense(64))(x))
        return layers.Dense(32)(x)

    return _model((3, 6, 6, 2), change)


def embedding_of_a_constant() -> Any:
    import keras
    from keras import layers

    start = keras.initializers.Constant(np.ones((10, 32)))
    return _model(TOKENS, layers.Embedding(10, 32, embeddings_initializer=start), "int32")


def embedding_with_a_mask() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Dense(32)(layers.Embedding(10, 32, mask_zero=True)(x))
        return layers.Dense(32)(layers.GRU(8)(x))

    return _model((None,), change, "int32")


def recurrent() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.LSTM(32, return_sequences=True)(layers.Conv1D(32, 3)(x))
        x = layers.Bidirectional(layers.GRU(8, return_sequences=True))(layers.Dense(32)(x))
        sequence, _ = layers.SimpleRNN(8, return_sequences=True, return_state=True)(layers.Dense(48)(x))
        return layers.Dense(32)(sequence)

    return _model(STEPS, change)


def reshaped() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        rows = layers.Reshape((16, 32))
        x = layers.Add()([rows(layers.Dense(512)(x)), rows(layers.Dense(512)(x))])
        x = layers.Reshape((4, 4, 32))(x)
        x = layers.Permute((2, 1, 3))(layers.Conv2D(32, 1)(x))
        x = layers.Reshape((4, 128))(x)  # four positions of 32 channels in a row
        return layers.Dense(32)(layers.Reshape((-1,))(layers.Dense(32)(x)))

    return _model(UNITS, change)


def unknown_size() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Conv2D(32, 3)(x)
        gate = layers.Reshape((1, 1, 32))(layers.GlobalAveragePooling2D()(x))
        return x * layers.Dense(32, activation="sigmoid")(gate)

    return _model((None, None, 3), change)


def operations() -> Any:
    import keras
    from keras import layers

    def change(x: Any) -> Any:
        x, y = layers.Conv1D(32, 1)(x), layers.Conv1D(32, 1)(x)
        x = keras.ops.maximum(keras.ops.relu(x) * 0.5 - y / 2.0, -y)
        x = keras.ops.concatenate([x, keras.ops.transpose(keras.ops.reshape(y, (-1, 4, 2, 32)), (0, 2, 1, 3))[:, 0]], 1)
        x = keras.ops.squeeze(keras.ops.expand_dims(x, 1), 1) + keras.ops.max(y, axis=1, keepdims=True)
        return layers.Dense(32)(keras.ops.clip(x, -1.0, 1.0)[:, 1:3])

    return _model(STEPS, change)


def shared_and_nested() -> Any:
    import keras
    from keras import layers

    left, right = keras.Input((32,), name="left"), keras.Input((48,), name="right")
    joined = layers.Concatenate()([left, right])
    inner = keras.Model([left, right], [layers.Dense(32)(joined), layers.Dense(32)(right)], name="inner")
    outer = keras.Sequential([keras.Input((32,)), layers.Dense(32), keras.Sequential([layers.Dense(32)])], name="outer")

    def change(x: Any) -> Any:
        first, second = inner([layers.Dense(32)(x), layers.Dense(48)(x)])
        return layers.Add()([outer(first), outer(outer(second))])

    return _model(UNITS, change)


def activations() -> Any:
    from keras import layers

    def change(x: Any) -> Any:
        x = layers.Dense(32, activation=layers.LeakyReLU(0.2))(x)
        x = layers.PReLU()(layers.Activation(layers.ReLU())(x))
        return layers.Softmax(axis=1)(layers.Conv1D(32, 1, activation="gelu")(layers.RepeatVector(3)(layers.ELU()(x))))

    return _model(UNITS, change)


MIXING = (group_norms, layer_norms)
EXACT = (
    conv_3d, depthwise_multiplied, grouped, grouped_twice_at_nested_places, depthwise_as_grouped, time_distributed,
    embedding_of_a_constant, embedding_with_a_mask, reshaped, unknown_size, operations, recurrent, shared_and_nested,
    activations,
)  # fmt: skip
