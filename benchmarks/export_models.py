"""The networks of the export sitting, built by hand: residual, MobileNetV2-shaped, 1-D, recurrent, of two inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.export_data import SIDE, STEPS, WAVES, Task, digit_halves, digit_images, waveforms

CLASSES: Final = 10
# Widths are multiples of 16, and of 32 where half of them is asked for: training narrower convolutions was seen to
# corrupt oneDNN's heap.
RESIDUAL: Final = ((32, 1), (64, 1), (128, 3))  # width and blocks of each stage
INVERTED: Final = ((32, 1, 1), (32, 2, 2), (64, 2, 2), (96, 1, 1))  # width, blocks, stride of the first
EXPANSION: Final = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """One model: how it is built, what it learns, for how many passes over the training rows."""

    name: str
    title: str
    build: Callable[[], Any]
    task: Callable[[], Task]
    epochs: int
    batch_rows: int = 64
    learning_rate: float = 2e-3


def residual_cnn() -> Any:
    """`image` (rows, 32, 32, 1) -> `scores` (rows, 10); 1.1 M parameters."""
    import keras
    from keras import layers

    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.ReLU()(_normal(layers.Conv2D(RESIDUAL[0][0], 3, padding="same", use_bias=False)(image)))
    for stage, (width, blocks) in enumerate(RESIDUAL):
        if stage:
            x = layers.ReLU()(_normal(layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)))
        for _ in range(blocks):
            branch = layers.ReLU()(_normal(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
            branch = _normal(layers.Conv2D(width, 3, padding="same", use_bias=False)(branch))
            x = layers.ReLU()(layers.Add()([x, branch]))
    scores = layers.Dense(CLASSES, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, scores, name="residual_cnn")


def mobilenet() -> Any:
    """The same signature, of inverted residuals: widened 1 x 1, depthwise 3 x 3, narrowed 1 x 1 (MobileNetV2)."""
    import keras
    from keras import layers

    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.ReLU(6.0)(_normal(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(image)))
    for width, blocks, first_stride in INVERTED:
        for block in range(blocks):
            stride, narrow = (first_stride if block == 0 else 1), x.shape[-1]
            wide = layers.Conv2D(EXPANSION * narrow, 1, use_bias=False)(x)
            wide = layers.ReLU(6.0)(_normal(wide))
            deep = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(wide)
            deep = _normal(layers.Conv2D(width, 1, use_bias=False)(layers.ReLU(6.0)(_normal(deep))))
            x = layers.Add()([x, deep]) if stride == 1 and narrow == width else deep
    x = layers.ReLU(6.0)(_normal(layers.Conv2D(256, 1, use_bias=False)(x)))
    scores = layers.Dense(CLASSES, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, scores, name="mobilenet")


def wave_cnn() -> Any:
    """`wave` (rows, 64, 1) -> `scores` (rows, 6), convolutions along time."""
    import keras
    from keras import layers

    wave = keras.Input((STEPS, 1), name="wave")
    x: Any = wave
    for width in (64, 128, 128):
        x = layers.ReLU()(_normal(layers.Conv1D(width, 5, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling1D(2)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(wave, layers.Dense(len(WAVES), activation="softmax", name="scores")(x), name="wave_cnn")


def wave_gru() -> Any:
    """The same signature, a recurrent network."""
    import keras
    from keras import layers

    wave = keras.Input((STEPS, 1), name="wave")
    x = layers.GRU(64)(layers.Conv1D(32, 5, strides=2, padding="same", activation="relu")(wave))
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(wave, layers.Dense(len(WAVES), activation="softmax", name="scores")(x), name="wave_gru")


def two_input_mlp() -> Any:
    """`upper` and `lower` (rows, 32) -> `scores` (rows, 10)."""
    import keras
    from keras import layers

    halves = [keras.Input((32,), name=name) for name in ("upper", "lower")]
    x = layers.Concatenate()([layers.Dense(256, activation="relu")(half) for half in halves])
    for _ in range(2):
        x = layers.Dropout(0.2)(layers.Dense(256, activation="relu")(x))
    return keras.Model(halves, layers.Dense(CLASSES, activation="softmax", name="scores")(x), name="two_input_mlp")


def _normal(x: Any) -> Any:
    """Batch normalization whose averages follow a short training."""
    from keras import layers

    return layers.BatchNormalization(momentum=0.9)(x)


RESIDUAL_CNN: Final = "residual_cnn"
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(RESIDUAL_CNN, "residual CNN", residual_cnn, digit_images, 5),
        Kind("mobilenet", "MobileNetV2-shaped CNN", mobilenet, digit_images, 6),
        Kind("wave_cnn", "1-D CNN", wave_cnn, waveforms, 8),
        Kind("wave_gru", "GRU", wave_gru, waveforms, 12, learning_rate=4e-3),
        Kind("two_input_mlp", "two-input MLP", two_input_mlp, digit_halves, 24),
    )
}
