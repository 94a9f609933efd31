"""Blocks of several parts for random architectures: gates inside residuals, detours, models of two inputs, unknowns."""

from __future__ import annotations

from typing import Any

from tests.integration.export.architecture_blocks import Block, Choices


def _of(name: str, x: Any) -> Any:
    import keras

    return getattr(keras.layers, f"{name}{len(x.shape) - 2}D")


def gated_inverted_residual(x: Any, choices: Choices) -> Any:
    """EfficientNet's block: expand, filter, gate each channel, project, add."""
    from keras import layers

    width = choices.width()
    y = layers.BatchNormalization()(_of("Conv", x)(width, 1, use_bias=False)(x))
    y = layers.Activation("swish")(_of("DepthwiseConv", x)(3, padding="same")(layers.Activation("swish")(y)))
    gate = layers.Reshape((*(1 for _ in x.shape[1:-1]), width))(_of("GlobalAveragePooling", x)()(y))
    gate = _of("Conv", x)(width, 1, activation="sigmoid")(_of("Conv", x)(8, 1, activation="swish")(gate))
    y = layers.BatchNormalization()(_of("Conv", x)(x.shape[-1], 1)(layers.Multiply()([y, gate])))
    return layers.Add()([x, layers.Dropout(0.2, noise_shape=(None, *(1 for _ in x.shape[1:])))(y)])


def detour(x: Any, choices: Choices) -> Any:
    """U-Net's skip: down, filtered, up, and put beside what was left above; trimmed to an even length first."""
    from keras import layers

    y = _of("Conv", x)(choices.width(), 3, padding="same", activation="relu")(
        _of("MaxPooling", x)(2, padding="same")(x)
    )
    y = _of("UpSampling", x)(2)(y)
    gap = [a - b for a, b in zip(y.shape[1:-1], x.shape[1:-1], strict=True)]
    trim = tuple((0, size) for size in gap)
    y = _of("Cropping", x)(trim if len(trim) > 1 else trim[0])(y)
    return layers.Concatenate()([x, y])


def model_of_two(x: Any, choices: Choices) -> Any:
    """A nested model of two inputs and two outputs, both of which go on."""
    import keras
    from keras import layers

    left, right = keras.Input((*x.shape[1:-1], 32), name="left"), keras.Input((*x.shape[1:-1], 48), name="right")
    both = layers.Concatenate()([left, right])
    inner = keras.Model([left, right], [_of("Conv", x)(32, 1)(both), layers.ReLU()(_of("Conv", x)(32, 1)(right))])
    first, second = inner([_of("Conv", x)(32, 1)(x), _of("Conv", x)(48, 1)(x)])
    return layers.Maximum()([first, second])


def attention_over_positions(x: Any, choices: Choices) -> Any:
    """Each position weighed by a softmax over positions."""
    import keras
    from keras import layers

    choices.traits.add("shifts")
    weights = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(choices.width(), activation="tanh")(x)))
    return keras.ops.multiply(x, weights)


def stranger(x: Any, choices: Choices) -> Any:
    """A layer that pruning can't know, between layers that it can cut."""
    import keras
    from keras import layers

    class Backwards(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def call(self, x: Any) -> Any:
            return x[..., ::-1]

    x = Backwards()(_of("Conv", x)(choices.width(), 1, activation="relu")(layers.Dense(choices.width())(x)))
    return _of("Conv", x)(choices.width(), 1)(_of("Conv", x)(choices.width(), 1, activation="relu")(x))


COMPOUNDS: tuple[Block, ...] = (
    gated_inverted_residual, detour, model_of_two, attention_over_positions, stranger,
)  # fmt: skip
