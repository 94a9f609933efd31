"""Small Keras models of many shapes, and data that fits them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def sequential() -> Any:
    """A Sequential MLP: (rows, 12) -> 3 scores."""
    import keras

    return keras.Sequential(
        [
            keras.Input((12,), name="features"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(3, name="scores"),
        ]
    )


def branched() -> Any:
    """Convolutions with Add, Concatenate, depthwise, BatchNormalization, Flatten: (rows, 8, 8, 3) -> 4 scores."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", use_bias=False)(x))
    x = layers.ReLU()(layers.Add()([x, y]))
    side = layers.Conv2D(48, 1, activation="relu")(x)
    x = layers.Concatenate()([layers.DepthwiseConv2D(3, padding="same")(x), side])
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    scores = layers.Dense(4, activation="softmax", name="scores")(layers.Dense(64, activation="relu")(x))
    return randomised(keras.Model(image, scores, name="branched"))


def squeeze_excite() -> Any:
    """Multiply, SeparableConv2D, Conv2DTranspose, PReLU and a nested block used twice: (rows, 8, 8, 3) -> 4 scores."""
    import keras
    from keras import layers

    block = keras.Sequential(
        [keras.Input((8, 8, 32)), layers.Conv2D(32, 3, padding="same"), layers.BatchNormalization()], name="block"
    )
    image = keras.Input((8, 8, 3), name="image")
    x = layers.SeparableConv2D(32, 3, padding="same", activation="relu")(image)
    x = layers.PReLU(shared_axes=[1, 2])(block(block(x)))
    gate = layers.Dense(32, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    # Keras broadcasts positions; channels meet one by one.
    x = layers.Conv2DTranspose(48, 2, strides=2, activation="relu")(layers.Multiply()([x, gate]))
    x = layers.GlobalAveragePooling2D()(x)
    return randomised(keras.Model(image, layers.Dense(4, name="scores")(x), name="squeeze_excite"))


def two_inputs() -> Any:
    """A model of two float inputs with two outputs."""
    import keras
    from keras import layers

    age = keras.Input((1,), name="age")
    income = keras.Input((4,), name="income")
    x = layers.Dense(32, activation="relu")(layers.Concatenate()([age, income]))
    risk = layers.Dense(1, activation="sigmoid", name="risk")(x)
    return keras.Model([income, age], [risk, layers.Dense(3, name="segment")(x)], name="customers")


def randomised(model: Any, seed: int = 3) -> Any:
    """Give every float weight a value far from its initial one, BatchNormalization's statistics too."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "float" in variable.dtype:
            values = rng.uniform(0.3, 1.5, variable.shape) if "variance" in variable.path else None
            variable.assign(values if values is not None else rng.standard_normal(variable.shape) * 0.2)
    return model


def save_data(path: Path, rows: int, shape: tuple[int, ...], classes: int, dtype: str = "float32") -> Path:
    """Write an .npz of random rows and labels for a model of one input."""
    rng = np.random.default_rng(5)
    parts: dict[str, Any] = {}
    for part in ("train", "test"):
        parts[f"x_{part}"] = rng.standard_normal((rows, *shape)).astype(dtype)
        parts[f"y_{part}"] = rng.integers(0, classes, rows)
    np.savez(path, **parts)
    return path
