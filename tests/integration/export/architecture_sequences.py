"""Blocks of sequences (rows, steps, channels) and of plain units (rows, channels) for random architectures."""

from __future__ import annotations

from typing import Any

from tests.integration.export.architecture_blocks import IMAGE_BLOCKS, Block, Choices


def time_distributed(x: Any, choices: Choices) -> Any:
    """A Dense layer at every step, by itself or inside TimeDistributed."""
    from keras import layers

    x = layers.TimeDistributed(layers.Dense(choices.width(), activation=choices.activation()))(x)
    return layers.Dense(choices.width(), activation="relu")(layers.TimeDistributed(layers.BatchNormalization())(x))


def recurrent(x: Any, choices: Choices) -> Any:
    """A recurrent layer between layers that can be cut."""
    from keras import layers

    cell = choices.one_of((layers.GRU, layers.LSTM))(16, return_sequences=True)
    x = layers.Conv1D(choices.width(), 3, padding="causal", activation="relu")(x)
    x = layers.Dense(choices.width(), activation="relu")(x)
    x = layers.Bidirectional(cell)(x) if choices.one_of((True, False)) else cell(x)
    return layers.Dense(choices.width(), activation="relu")(layers.Dense(choices.width())(x))


def transformer(x: Any, choices: Choices) -> Any:
    """Attention and a feed-forward part, each beside what it is given."""
    from keras import layers

    choices.traits.add("mixes")
    y = layers.MultiHeadAttention(2, 8)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(x.shape[-1])(layers.Dense(choices.width(), activation="gelu")(x))
    return layers.LayerNormalization()(x + y)


def units(x: Any, choices: Choices) -> Any:
    """Dense, BatchNormalization, activation."""
    from keras import layers

    x = layers.BatchNormalization()(layers.Dense(choices.width(), use_bias=False)(x))
    return layers.Dropout(0.2)(layers.Activation(choices.activation())(x))


def units_residual(x: Any, choices: Choices) -> Any:
    """Two Dense layers beside the input."""
    import keras
    from keras import layers

    y = layers.Dense(x.shape[-1])(layers.Dense(choices.width(), activation="relu")(x))
    return keras.ops.silu(x + y) if choices.one_of((True, False)) else layers.Add()([x, y])


def gated_units(x: Any, choices: Choices) -> Any:
    """Two Dense layers multiplied, one of them a gate."""
    from keras import layers

    width = choices.width()
    return layers.Dense(width)(x) * layers.Dense(width, activation="sigmoid")(x)


def repeated(x: Any, choices: Choices) -> Any:
    """Units repeated as steps and filtered, or taken apart into steps."""
    from keras import layers

    x = layers.Dense(64, activation="relu")(x)
    x = layers.RepeatVector(3)(x) if choices.one_of((True, False)) else layers.Reshape((2, 32))(x)
    x = layers.Conv1D(choices.width(), 2, activation="relu")(x)
    return layers.GlobalMaxPooling1D()(x) if choices.one_of((True, False)) else x[:, 0]


def generator(x: Any, choices: Choices) -> Any:
    """Units taken apart into positions and channels, and convolved."""
    from keras import layers

    x = layers.Reshape((4, 4, 32))(layers.Dense(4 * 4 * 32, activation="relu")(x))
    return layers.GlobalAveragePooling2D()(layers.Conv2DTranspose(choices.width(), 3, strides=2)(x))


SEQUENCE_BLOCKS: tuple[Block, ...] = (*IMAGE_BLOCKS, time_distributed, recurrent, transformer)
UNIT_BLOCKS: tuple[Block, ...] = (units, units_residual, gated_units, repeated, generator)
