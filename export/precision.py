"""Low-precision clones: bfloat16 or float16 weights and computation inside, float32 at the model's edges."""

from __future__ import annotations

from typing import Any

from export.errors import UnsupportedVariantError
from export.options import Precision
from export.rebuild import copy_weights, rebuild

# A clone whose outputs move further than this share of their range, on a few rows, is broken rather than rounded.
BROKEN_RATIO = 0.5


def low_precision_clone(model: Any, precision: Precision) -> Any:
    """Clone a float32 Keras model so that all but its edges have the given dtype.

    The edges keep float32: preprocessing layers (their constants would lose the data's range), and the layers that make
    the outputs (a softmax in bfloat16 has ties). Layers between cast by themselves.
    Raises: UnsupportedVariantError for a model that can't be cloned.
    """
    edges = {id(layer) for layer in _edge_layers(model)}
    dtype = precision.value

    def edit(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
        return config if id(layer) in edges else _with_dtype(config, dtype)

    clone = rebuild(model, edit)
    copy_weights(model, clone)
    if not any(variable.dtype == dtype for variable in clone.variables):
        raise UnsupportedVariantError(
            f"model {model.name!r}: no weight would be {dtype}; only its edges have any, and they keep float32"
        )
    return clone


def _edge_layers(model: Any) -> list[Any]:
    """The layers that keep their dtype: preprocessing, and what makes the outputs."""
    edges = [layer for layer in model._flatten_layers() if _is_preprocessing(layer)]
    for tensor in model.outputs:
        operation = tensor._keras_history.operation
        edges.append(operation)
    last = getattr(model, "layers", [])[
        -1:
    ]  # a Sequential's history names the inner functional's layer: the same object
    return [*edges, *last]


def _is_preprocessing(layer: Any) -> bool:
    """Rescaling, Normalization, Resizing, look-ups: Keras keeps them in one package."""
    return ".layers.preprocessing." in type(layer).__module__


def _with_dtype(config: Any, dtype: str) -> Any:
    """Set every float `dtype` in a layer's configuration, those of wrapped layers and cells too.

    Weights start at zero, since they are copied over anyhow: orthogonal initializers can't compute in bfloat16.
    """
    if isinstance(config, dict):
        changed = {}
        for key, value in config.items():
            if key == "dtype" and _is_float_policy(value):
                changed[key] = dtype
            elif key.endswith("_initializer") and value is not None:
                changed[key] = "zeros"
            else:
                changed[key] = _with_dtype(value, dtype)
        return changed
    if isinstance(config, list | tuple):
        return type(config)(_with_dtype(value, dtype) for value in config)
    return config


def _is_float_policy(value: Any) -> bool:
    """A dtype's name, or a serialised DTypePolicy, of a floating type."""
    if isinstance(value, dict):
        value = value.get("config", {}).get("name", "") if isinstance(value.get("config"), dict) else ""
    return isinstance(value, str) and "float" in value
