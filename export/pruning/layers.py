"""What pruning knows of Keras' layers: which weights' axes are channels in and out, and what passes channels through.

A layer that isn't named here is unknown: its channels are protected, and the report says so.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

Axes = tuple[tuple[int, "Side"], ...]


class Side(enum.Enum):
    """Whose channels an axis of a weight counts: of the layer's input or of its output."""

    IN = "in"
    OUT = "out"


class Flow(enum.Enum):
    """What a layer does to channels."""

    MAKE = "make"  # new channels out of old ones: convolutions, Dense
    KEEP = "keep"  # channel i out depends on channel i in alone, and weights may belong to it
    TIE = "tie"  # several inputs of equal channels, combined one by one: Add, Multiply
    JOIN = "join"  # inputs' channels side by side: Concatenate
    FLATTEN = "flatten"  # positions and channels become one axis


@dataclass(frozen=True, slots=True)
class Kind:
    """How to treat a layer: its flow, the channel axes of its weights, and the configuration key of its width."""

    flow: Flow
    weights: dict[str, Axes] = field(default_factory=dict)
    width_key: str | None = None
    ranking_weight: str | None = None  # the weight whose norms rank the channels out


_BIAS: Axes = ((0, Side.OUT),)
_OWN: Axes = ((0, Side.IN),)
_CONV = Kind(Flow.MAKE, {"kernel": ((-2, Side.IN), (-1, Side.OUT)), "bias": _BIAS}, "filters", "kernel")
_TRANSPOSED = Kind(Flow.MAKE, {"kernel": ((-1, Side.IN), (-2, Side.OUT)), "bias": _BIAS}, "filters", "kernel")
_DEPTHWISE = Kind(Flow.KEEP, {"kernel": ((-2, Side.IN),), "bias": _OWN})
_SEPARABLE = Kind(
    Flow.MAKE,
    {"depthwise_kernel": ((-2, Side.IN),), "pointwise_kernel": ((-2, Side.IN), (-1, Side.OUT)), "bias": _BIAS},
    "filters",
    "pointwise_kernel",
)
_DENSE = Kind(Flow.MAKE, {"kernel": ((0, Side.IN), (1, Side.OUT)), "bias": _BIAS}, "units", "kernel")
_NORM = Kind(Flow.KEEP, dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), _OWN))
_PASS = Kind(Flow.KEEP)
_PASSED = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise",
    "GaussianDropout", "AlphaDropout", "Identity", "ActivityRegularization", "MaxPooling1D", "MaxPooling2D",
    "AveragePooling1D", "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D",
    "UpSampling2D", "Rescaling",
)  # fmt: skip
_TIED = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")

KINDS: dict[str, Kind] = {
    "Conv1D": _CONV,
    "Conv2D": _CONV,
    "Conv1DTranspose": _TRANSPOSED,
    "Conv2DTranspose": _TRANSPOSED,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "Dense": _DENSE,
    "BatchNormalization": _NORM,
    "PReLU": Kind(Flow.KEEP, {"alpha": ((-1, Side.IN),)}),
    "Concatenate": Kind(Flow.JOIN),
    "Flatten": Kind(Flow.FLATTEN),
    **dict.fromkeys(_PASSED, _PASS),
    **dict.fromkeys(_TIED, Kind(Flow.TIE)),
}

# Activations that look at each value alone. Others (softmax, glu) mix channels, so what feeds them stays whole.
_VALUEWISE = frozenset(
    {
        "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "sigmoid", "tanh",
        "softplus", "softsign", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "exponential", "mish",
        "log_sigmoid", "squareplus", "tanh_shrink", "soft_shrink", "hard_shrink",
    }
)  # fmt: skip


def kind_of(layer: Any) -> tuple[Kind | None, str | None]:
    """How to treat a layer; (None, why) for one whose channels must be protected."""
    name = type(layer).__name__
    kind = KINDS.get(name) if type(layer).__module__.startswith("keras.") and hasattr(layer, "get_config") else None
    if kind is None:
        return None, f"{name} is not known to pruning"
    config = layer.get_config()
    if config.get("data_format", "channels_last") != "channels_last":
        return None, "its channels are not the last axis"
    if config.get("groups", 1) != 1:
        return None, "its convolution is grouped"
    if config.get("depth_multiplier", 1) != 1:
        return None, "its depth multiplier is not 1"
    if name == "BatchNormalization" and layer.axis not in (-1, len(layer.input.shape) - 1):
        return None, "it doesn't normalise the last axis"
    if name == "Rescaling" and not (isinstance(layer.scale, int | float) and isinstance(layer.offset, int | float)):
        return None, "its scale differs by position"
    if name == "PReLU" and len(layer.input.shape) - 1 in (layer.shared_axes or ()):
        return None, "its slope is shared by all channels"
    return kind, None


def mixes_channels(layer: Any) -> str | None:
    """Why a layer's activation needs all channels out together; None when it looks at each value alone."""
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", type(activation).__name__)
    return None if activation is None or name in _VALUEWISE else f"its activation {name} mixes channels"
