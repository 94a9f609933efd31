"""What pruning knows of Keras' layers: which weights' axes are channels in and out, and what passes channels through.

A layer that isn't named here is unknown: its channels are protected, and the report says so.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Axes = tuple[tuple[int, "Side"], ...]
Shape = Sequence[int | None]  # of a tensor, the batch first


class Side(enum.Enum):
    """Whose channels an axis of a weight, or a size in a layer's configuration, counts."""

    IN = "in"
    OUT = "out"
    REPEATED = "repeated"  # the input's, each `multiplier` times one after the other


class Flow(enum.Enum):
    """What a layer does to channels."""

    MAKE = "make"  # new channels out of old ones: convolutions, Dense
    KEEP = "keep"  # the input's channels, each perhaps repeated, come out in order; weights may belong to them
    TIE = "tie"  # several inputs of equal channels, combined one by one: Add, Multiply
    JOIN = "join"  # inputs side by side: Concatenate
    RESHAPE = "reshape"  # the same values in rows of another length: Flatten, Reshape


@dataclass(frozen=True, slots=True)
class Kind:
    """How to treat a layer.

    weights: the channel axes of each. sizes: configuration keys that count channels. ranking_weight: the weight whose
    norms rank the channels out. multiplier: outputs a channel of a depthwise convolution. groups: parts of the
    input's channels, and of MAKE's output, of which equally many must stay; MAKE's kernel then holds, along its
    second last axis, one part of the input only, and that axis is not among `weights`.
    """

    flow: Flow
    weights: dict[str, Axes] = field(default_factory=dict)
    sizes: dict[str, Side] = field(default_factory=dict)
    ranking_weight: str | None = None
    multiplier: int = 1
    groups: int = 1

    @property
    def grouped(self) -> bool:
        """Whether the kernel of a grouped convolution must be cut part by part."""
        return self.flow is Flow.MAKE and self.groups > 1


_BIAS: Axes = ((0, Side.OUT),)
_OWN: Axes = ((0, Side.IN),)
_FILTERS = {"filters": Side.OUT}
_CONV = Kind(Flow.MAKE, {"kernel": ((-2, Side.IN), (-1, Side.OUT)), "bias": _BIAS}, _FILTERS, "kernel")
_TRANSPOSED = Kind(Flow.MAKE, {"kernel": ((-1, Side.IN), (-2, Side.OUT)), "bias": _BIAS}, _FILTERS, "kernel")
_DEPTHWISE = Kind(Flow.KEEP, {"kernel": ((-2, Side.IN),), "bias": ((0, Side.REPEATED),)})
_SEPARABLE = Kind(
    Flow.MAKE,
    {"depthwise_kernel": ((-2, Side.IN),), "pointwise_kernel": ((-2, Side.REPEATED), (-1, Side.OUT)), "bias": _BIAS},
    _FILTERS,
    "pointwise_kernel",
)
_DENSE = Kind(Flow.MAKE, {"kernel": ((0, Side.IN), (1, Side.OUT)), "bias": _BIAS}, {"units": Side.OUT}, "kernel")
_EMBEDDING = Kind(Flow.MAKE, {"embeddings": ((1, Side.OUT),)}, {"output_dim": Side.OUT}, "embeddings")
_BATCH_NORM = Kind(Flow.KEEP, dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), _OWN))
_GROUP_NORM = Kind(Flow.KEEP, {"gamma": _OWN, "beta": _OWN})
_PASS = Kind(Flow.KEEP)
_VALUEWISE_LAYERS = ("Activation", "ReLU", "LeakyReLU", "ELU", "Identity")
_PASSED = (
    *_VALUEWISE_LAYERS, "Softmax", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "UnitNormalization", "Rescaling",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "Resizing", "Permute",
    "RepeatVector",
)  # fmt: skip
_TIED = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _CONV),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _TRANSPOSED),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _DEPTHWISE),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "Dense": _DENSE,
    "Embedding": _EMBEDDING,
    "BatchNormalization": _BATCH_NORM,
    "GroupNormalization": _GROUP_NORM,
    "LayerNormalization": _PASS,  # its weights' axes depend on its configuration
    "RMSNormalization": _PASS,
    "LayerScale": Kind(Flow.KEEP, {"gamma": _OWN}, {"projection_dim": Side.IN}),  # of ConvNeXt
    "PReLU": Kind(Flow.KEEP, {"alpha": ((-1, Side.IN),)}),
    "Concatenate": Kind(Flow.JOIN),
    "Flatten": Kind(Flow.RESHAPE),
    "Reshape": Kind(Flow.RESHAPE),
    **dict.fromkeys(_PASSED, _PASS),
    **dict.fromkeys(_TIED, Kind(Flow.TIE)),
}
# The cell of a plain recurrent layer: what it takes may be cut, its units not.
CELL = Kind(Flow.MAKE, {"kernel": ((0, Side.IN),)})
RECURRENT = "it is recurrent: its gates and states share its units, so these stay whole"
_PLAIN_RECURRENT = frozenset({"GRU", "LSTM", "SimpleRNN"})
_RECURRENT = frozenset({*_PLAIN_RECURRENT, "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
_ATTENTION = frozenset({"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"})

# Activations that look at each value alone. Others (softmax, glu) mix channels, so what feeds them stays whole.
_VALUEWISE = frozenset(
    {
        "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "sigmoid", "tanh",
        "softplus", "softsign", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "exponential", "mish",
        "log_sigmoid", "squareplus", "tanh_shrink", "soft_shrink", "hard_shrink", "threshold", "sparse_plus",
    }
)  # fmt: skip


def kind_of(layer: Any, shape: Shape) -> Kind | str:
    """How to treat a layer given a tensor of this shape first; a reason for one whose channels must be protected."""
    name = type(layer).__name__
    if not type(layer).__module__.startswith("keras."):
        return f"{name} is not a layer of Keras, so pruning can't know what it does"
    if name in _RECURRENT:
        return RECURRENT
    if name in _ATTENTION:
        return "it is attention: its heads share its width, so it stays whole, and what it is given"
    kind = KINDS.get(name)
    if kind is None:
        return f"{name} is not known to pruning"
    config = layer.get_config()
    if config.get("data_format", "channels_last") not in (None, "channels_last"):
        return "its channels are not the last axis"
    if (reason := _not_plain(layer, kind)) is not None:
        return reason
    return _checked(name, layer, config, kind, len(shape)) if shape else f"{name} has no input"


def _not_plain(layer: Any, kind: Kind) -> str | None:
    """Why a layer's weights aren't the plain ones of its class; None when they are."""
    import keras

    if getattr(layer, "lora_enabled", False):
        return "it has LoRA's weights beside its own; merge them, or train without"
    if getattr(layer, "quantization_mode", None) is not None:
        return "Keras has quantized its weights; prune the model before"
    if kind.ranking_weight is not None and not isinstance(getattr(layer, kind.ranking_weight, None), keras.Variable):
        return f"its {kind.ranking_weight} is computed from other weights"
    return None


def cells_of(layer: Any) -> list[Any]:
    """The cells of a plain recurrent layer, one or both ways; none for any other layer."""
    if type(layer).__name__ == "Bidirectional":
        return [*cells_of(layer.forward_layer), *cells_of(layer.backward_layer)]
    is_plain = type(layer).__name__ in _PLAIN_RECURRENT and type(layer).__module__.startswith("keras.")
    return [layer.cell] if is_plain else []


def _checked(name: str, layer: Any, config: dict[str, Any], kind: Kind, rank: int) -> Kind | str:
    """The kind, made exact by the layer's configuration."""
    last = (-1, rank - 1)
    match name:
        case "Conv1D" | "Conv2D" | "Conv3D" if config["groups"] != 1:
            return _grouped(layer)
        case "DepthwiseConv1D" | "DepthwiseConv2D" | "SeparableConv1D" | "SeparableConv2D":
            return replace(kind, multiplier=config["depth_multiplier"])
        case "BatchNormalization" if layer.axis not in last:
            return "it doesn't normalise the last axis"
        case "GroupNormalization":
            return _group_norm(layer, kind) if layer.axis in last else "it doesn't normalise the last axis"
        case "LayerNormalization" | "RMSNormalization":
            return _layer_norm(layer, kind, ("scale",) if name == "RMSNormalization" else ("gamma", "beta"), last)
        case "Rescaling" if not (isinstance(layer.scale, int | float) and isinstance(layer.offset, int | float)):
            return "its scale differs by position"
        case "Dropout" if layer.noise_shape and layer.noise_shape[-1] not in (None, 1):
            return "its noise_shape names the width"
        case "PReLU" if rank - 1 in (layer.shared_axes or ()):
            return "its slope is shared by all channels"
        case "Permute" if layer.dims[-1] != rank - 1:
            return "it moves the channels away from the last axis"
        case _:
            return kind


def _grouped(layer: Any) -> Kind:
    """A grouped convolution; one with a single channel a group is a depthwise one under another name."""
    groups, share = int(layer.groups), int(layer.kernel.shape[-2])
    if share == 1:
        weights: dict[str, Axes] = {"kernel": ((-1, Side.REPEATED),), "bias": ((0, Side.REPEATED),)}
        sizes = {"filters": Side.REPEATED, "groups": Side.IN}
        return Kind(Flow.KEEP, weights, sizes, multiplier=int(layer.filters) // groups)
    return Kind(Flow.MAKE, {"kernel": ((-1, Side.OUT),), "bias": _BIAS}, _FILTERS, "kernel", groups=groups)


def _group_norm(layer: Any, kind: Kind) -> Kind:
    """GroupNormalization with a group a channel normalises each alone: then groups go with their channels."""
    width = int(layer.input_spec.axes[layer.axis])
    if layer.groups == width:
        return replace(kind, sizes={"groups": Side.IN})
    return replace(kind, groups=int(layer.groups))


def _layer_norm(layer: Any, kind: Kind, names: tuple[str, ...], last: tuple[int, int]) -> Kind:
    """Its weights have one axis for each it normalises, in the order that its build sorted them to."""
    axes = [place for place, axis in enumerate(layer.axis) if axis in last]
    return replace(kind, weights=dict.fromkeys(names, tuple((a, Side.IN) for a in axes)))


def mixes_channels(layer: Any, rank: int) -> str | None:
    """Why a layer needs all channels out together, for a result of that rank; None when it looks at each value alone.

    UnitNormalization and LayerNormalization don't count: they normalise over the channels that stay.
    """
    if type(layer).__name__ == "Softmax":
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        return "its softmax mixes channels" if {-1, rank - 1} & set(axes) else None
    activation = getattr(layer, "activation", None)
    if activation is None:
        return None
    name = getattr(activation, "__name__", type(activation).__name__)
    if not (getattr(activation, "__module__", None) or "").startswith(("keras.", "tensorflow.")):
        return f"its activation {name} is not one of Keras"
    return None if name in _VALUEWISE.union(_VALUEWISE_LAYERS) else f"its activation {name} mixes channels"
