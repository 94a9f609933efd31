"""Blocks that random architectures are made of: each takes a tensor and a source of choices and returns a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

WIDTHS = (32, 48, 64)
ZERO_KEEPING = ("relu", "gelu", "tanh", "swish", "leaky_relu", "relu6", "elu")
SHIFTING = ("sigmoid", "softplus")  # their value at 0 is not 0


class Choices:
    """Where a block's choices come from, and what was chosen that limits how a cut can be checked.

    traits: "mixes" for a normalisation over channels, "shifts" for a step that turns 0 into something else.
    """

    def __init__(self, one_of: Callable[[Sequence[Any]], Any]) -> None:
        self._one_of = one_of
        self.traits: set[str] = set()
        self.blocks: list[str] = []

    def one_of(self, options: Sequence[T]) -> T:
        chosen: T = self._one_of(options)
        return chosen

    def width(self) -> int:
        return self.one_of(WIDTHS)

    def activation(self) -> str:
        name = self.one_of((*ZERO_KEEPING, *SHIFTING))
        if name in SHIFTING:
            self.traits.add("shifts")
        return name


Block = Callable[[Any, Choices], Any]


def _dims(x: Any) -> str:
    return f"{len(x.shape) - 2}D"


def _layer(name: str, x: Any) -> Any:
    import keras

    return getattr(keras.layers, name + _dims(x))


def conv(x: Any, choices: Choices) -> Any:
    """Convolution, BatchNormalization, activation as a layer or as an argument."""
    from keras import layers

    width, size = choices.width(), choices.one_of((1, 3))
    if choices.one_of((True, False)):
        return _layer("Conv", x)(width, size, padding="same", activation=choices.activation())(x)
    x = _layer("Conv", x)(width, size, padding="same", use_bias=False)(x)
    return layers.Activation(choices.activation())(layers.BatchNormalization(scale=choices.one_of((True, False)))(x))


def residual(x: Any, choices: Choices) -> Any:
    """Two convolutions beside the input, or beside a projection of it."""
    import keras
    from keras import layers

    width = x.shape[-1] if choices.one_of((True, False)) else choices.width()
    y = _layer("Conv", x)(choices.width(), 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(_layer("Conv", x)(width, 1)(y))
    if width != x.shape[-1]:
        x = _layer("Conv", x)(width, 1, use_bias=False)(x)
    how = choices.one_of(("Add", "+", "Average", "Maximum", "Subtract"))
    y = x + y if how == "+" else getattr(layers, how)()([x, y])
    return keras.ops.relu(y) if choices.one_of((True, False)) else layers.ReLU()(y)


def inverted_residual(x: Any, choices: Choices) -> Any:
    """MobileNetV2's block: expand, filter each channel alone, project, add."""
    from keras import layers

    width = x.shape[-1]
    y = layers.BatchNormalization()(_layer("Conv", x)(choices.width(), 1, use_bias=False)(x))
    y = layers.ReLU(6.0)(y)
    y = layers.BatchNormalization()(_layer("DepthwiseConv", x)(3, padding="same", use_bias=False)(y))
    y = layers.BatchNormalization()(_layer("Conv", x)(width, 1, use_bias=False)(layers.ReLU(6.0)(y)))
    return layers.Add()([x, y])


def squeeze_excite(x: Any, choices: Choices) -> Any:
    """A gate for each channel, in the forms that models give it."""
    import keras
    from keras import layers

    width = choices.width()
    x = _layer("Conv", x)(width, 1, activation="relu")(x)
    form = choices.one_of(("keepdims", "reshape", "vector", "operation"))
    pool = _layer("GlobalAveragePooling", x)
    if form == "operation":
        axes = tuple(range(1, len(x.shape) - 1))
        gate = layers.Dense(width, activation="sigmoid")(layers.Dense(16)(keras.ops.mean(x, axis=axes, keepdims=True)))
        return x * gate
    gate = pool(keepdims=form == "keepdims")(x)
    if form == "reshape":
        gate = layers.Reshape((*(1 for _ in x.shape[1:-1]), width))(gate)
    gate = layers.Dense(width, activation="hard_sigmoid")(layers.Dense(32, activation="relu")(gate))
    return layers.Multiply()([x, gate])


def one_channel_gate(x: Any, choices: Choices) -> Any:
    """A gate for each position, one for all channels."""
    import keras

    return keras.layers.Multiply()([x, _layer("Conv", x)(1, 1, activation="sigmoid")(x)])


def dense_block(x: Any, choices: Choices) -> Any:
    """DenseNet's block: what each convolution makes is put beside what it was given."""
    import keras
    from keras import layers

    for _ in range(2):
        y = _layer("Conv", x)(32, 3, padding="same", activation="relu")(layers.BatchNormalization()(x))
        x = keras.ops.concatenate([x, y], axis=-1) if choices.one_of((True, False)) else layers.Concatenate()([x, y])
    return x


def separable(x: Any, choices: Choices) -> Any:
    """Separable and depthwise convolutions with several filters a channel."""
    width, multiplier = choices.width(), choices.one_of((1, 2))
    x = _layer("SeparableConv", x)(width, 3, padding="same", depth_multiplier=multiplier, activation="relu")(x)
    return _layer("DepthwiseConv", x)(3, padding="same", depth_multiplier=multiplier)(x)


def grouped(x: Any, choices: Choices) -> Any:
    """ResNeXt's grouped convolution, or a depthwise one written as grouped."""
    width = choices.width()
    groups = choices.one_of((2, 4, width))
    x = _layer("Conv", x)(width, 1, activation="relu")(x)
    made = width * 2 if groups == width else choices.width()
    return _layer("Conv", x)(made, 3, padding="same", groups=groups, activation="relu")(x)


def transposed(x: Any, choices: Choices) -> Any:
    """Up by a transposed convolution or by repetition, and down again."""
    import keras

    if choices.one_of((True, False)):
        x = getattr(keras.layers, f"Conv{_dims(x)}Transpose")(choices.width(), 2, strides=2, activation="relu")(x)
    else:
        x = _layer("UpSampling", x)(2)(x)
    return _layer(choices.one_of(("MaxPooling", "AveragePooling")), x)(2)(x)


def normalised(x: Any, choices: Choices) -> Any:
    """A convolution and a normalisation over its channels."""
    from keras import layers

    choices.traits.add("mixes")
    width = choices.width()
    x = _layer("Conv", x)(width, 3, padding="same")(x)
    norms = (
        layers.LayerNormalization, layers.UnitNormalization, layers.RMSNormalization,
        *(lambda groups=groups: layers.GroupNormalization(groups) for groups in (1, 2, 4, width)),
    )  # fmt: skip
    return layers.ReLU()(choices.one_of(norms)()(x))


def padded(x: Any, choices: Choices) -> Any:
    """Padding, cropping, dropout, a slope for each channel, constants."""
    from keras import layers

    x = _layer("Cropping", x)(1)(_layer("ZeroPadding", x)(2)(x))
    x = layers.Dropout(0.3)(_layer("SpatialDropout", x)(0.2)(x))
    x = layers.PReLU(shared_axes=list(range(1, len(x.shape) - 1)))(x)
    if choices.one_of((True, False)):
        choices.traits.add("shifts")
        return 1.0 - layers.Rescaling(0.5, offset=0.1)(x)
    return layers.LeakyReLU()(x * 0.5)


def nested(x: Any, choices: Choices) -> Any:
    """A model inside the model, used twice, Sequential or functional."""
    import keras
    from keras import layers

    parts = [_layer("Conv", x)(choices.width(), 3, padding="same", activation="relu"), layers.BatchNormalization()]
    parts.append(_layer("Conv", x)(x.shape[-1], 1))
    if choices.one_of((True, False)):
        inner = keras.Sequential([keras.Input(x.shape[1:]), *parts])
    else:
        given = keras.Input(x.shape[1:])
        inner = keras.Model(given, layers.Add()([given, parts[2](parts[1](parts[0](given)))]))
    return inner(inner(x))


def shared(x: Any, choices: Choices) -> Any:
    """One convolution called twice, its results joined along positions or channels, or added."""
    from keras import layers

    twice = _layer("Conv", x)(x.shape[-1], 3, padding="same", activation="tanh")
    first = twice(x)
    second = twice(first)
    join = choices.one_of((layers.Add(), layers.Concatenate(), layers.Concatenate(1)))
    return join([first, second])


def moved(x: Any, choices: Choices) -> Any:
    """Positions moved about, channels staying last."""
    import keras
    from keras import layers

    x = _layer("Conv", x)(choices.width(), 1)(x)
    if len(x.shape) == 4 and choices.one_of((True, False)):
        x = layers.Permute((2, 1, 3))(x)
    shape = x.shape[1:]
    x = layers.Reshape((shape[0], -1))(x) if choices.one_of((True, False)) else keras.ops.reshape(x, (-1, 1, *shape))
    return layers.Reshape(shape)(x)


IMAGE_BLOCKS: tuple[Block, ...] = (
    conv, residual, inverted_residual, squeeze_excite, one_channel_gate, dense_block, separable, grouped, transposed,
    normalised, padded, nested, shared, moved,
)  # fmt: skip
