"""What pruning knows of Keras' bare operations (`x + y`, `keras.ops.relu(x)`): those that treat each channel alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from export.pruning.layers import Flow, Kind, Shape

_TIED = frozenset({"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power"})
_VALUEWISE = frozenset(
    {
        "Abs", "Absolute", "Cast", "Celu", "Clip", "Elu", "Exp", "Expm1", "Gelu", "HardSigmoid", "HardSilu", "HardTanh",
        "LeakyRelu", "LogSigmoid", "Log", "Log1p", "Mish", "Negative", "OnesLike", "Relu", "Relu6", "Rsqrt", "Selu",
        "Sigmoid", "Silu", "Softplus", "Softsign", "Sqrt", "Square", "StopGradient", "Tanh", "ZerosLike",
    }
)  # fmt: skip
_REDUCED = frozenset({"Mean", "Max", "Min", "Sum", "Amax", "Amin"})


def operation_kind(operation: Any, arguments: Any, shape: Shape) -> Kind | str:
    """How to treat an operation called with a node's arguments, the first tensor of this shape; or why not."""
    name, rank = type(operation).__name__, len(shape)
    if not type(operation).__module__.startswith("keras."):
        return f"operation {name} is not one of Keras"
    if name in _TIED or name in _VALUEWISE:
        if not _is_uniform(arguments, operation):
            return f"operation {name} has a constant that differs by position"
        return Kind(Flow.TIE if name in _TIED else Flow.KEEP)
    if name == "Concatenate":
        return Kind(Flow.JOIN)
    if name == "Reshape":
        return Kind(Flow.RESHAPE)
    if name in _REDUCED or name == "Squeeze":
        axes = _axes(operation.axis, rank)
        return Kind(Flow.KEEP) if axes is not None and rank - 1 not in axes else f"operation {name} takes all channels"
    if name == "ExpandDims":
        return Kind(Flow.KEEP) if operation.axis not in (-1, rank) else "it adds an axis behind the channels"
    if name == "Transpose" and operation.axes is not None and operation.axes[-1] in (-1, rank - 1):
        return Kind(Flow.KEEP)
    if name == "GetItem" and _leaves_last_axis(arguments.args[1], rank):
        return Kind(Flow.KEEP)
    return f"operation {name} is not known to pruning"


def _axes(axis: Any, rank: int) -> set[int] | None:
    """Axes as numbers from 0; None when they are all or not numbers."""
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    return {int(a) % rank for a in axes} if all(isinstance(a, int) for a in axes) else None


def _is_uniform(arguments: Any, operation: Any) -> bool:
    """Whether every constant given, in the call or at construction, is a single number or no number at all."""
    import keras

    try:
        given = keras.tree.flatten([arguments.args, arguments.kwargs, operation.get_config()])
    except NotImplementedError:  # how an operation says that its constants can't be written down
        return False
    constants = [value for value in given if not isinstance(value, keras.KerasTensor | str) and value is not None]
    return all(math.prod(np.shape(value)) == 1 for value in constants)


def _leaves_last_axis(key: Any, rank: int) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return len(parts) < rank and all(isinstance(part, int | slice) for part in parts)
