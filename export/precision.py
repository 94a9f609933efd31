"""Low-precision clones: bfloat16 or float16 weights and computation inside, float32 at the model's edges."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from export.errors import UnsupportedVariantError
from export.options import Precision
from export.rebuild import copy_weights, rebuild

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_REMEDY = (
    "A custom layer's constructor must pass **kwargs (name, dtype) on to Layer, get_config() must return its "
    "arguments, and call() must compute in the dtype of its inputs"
)


def low_precision_clone(model: Any, precision: Precision, notes: list[str] | None = None) -> Any:
    """Clone a float32 Keras model so that all but its edges have the given dtype.

    The edges keep float32: preprocessing layers (their constants would lose the data's range), and the layers that make
    the outputs (a softmax in bfloat16 has ties). Layers between cast by themselves. Custom layers that can't compute in
    the dtype keep float32 too; `notes` is told so.
    Raises: UnsupportedVariantError for a model that can't be cloned, has no weight inside its edges, or weights beyond
    float16's range.
    """
    edges = {id(layer) for layer in _edge_layers(model)}
    customs = {id(layer): str(layer.name) for layer in model._flatten_layers() if _is_custom(layer)}
    try:
        clone = _clone(model, precision.value, edges)
    except UnsupportedVariantError as error:
        if not customs:
            raise _explained(error) from error
        try:
            clone = _clone(model, precision.value, edges | customs.keys())
        except UnsupportedVariantError:
            raise _explained(error) from error  # the first reason: float32 didn't mend it
        if notes is not None:
            notes.append(
                f"custom layers keep float32, since they can't compute in {precision.value}: {_listed(customs)}"
            )
    if not any(variable.dtype == precision.value for variable in clone.variables):
        raise UnsupportedVariantError(
            f"model {model.name!r}: no weight would be {precision.value}; only its edges have any, and they keep "
            "float32. A quantized precision (tflite-int8, tflite-float16) takes the edges too"
        )
    copy_weights(model, clone)
    _refuse_overflow(model, clone, precision)
    return clone


def _clone(model: Any, dtype: str, edges: set[int]) -> Any:
    """Build the clone, weights fresh. Raises: UnsupportedVariantError."""

    def edit(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
        return config if id(layer) in edges else _with_dtype(config, dtype)

    return rebuild(model, edit)


def _explained(error: UnsupportedVariantError) -> UnsupportedVariantError:
    return UnsupportedVariantError(f"{_ANSI.sub('', str(error))}. {_REMEDY}")


def _listed(names: dict[int, str]) -> str:
    return ", ".join(sorted(names.values()))


def _refuse_overflow(model: Any, clone: Any, precision: Precision) -> None:
    """Refuse weights that became infinite. Raises: UnsupportedVariantError naming the variables."""
    lost = [
        str(variable.path)
        for variable in clone.variables
        if variable.dtype == precision.value and not bool(np.isfinite(np.asarray(variable.value, np.float32)).all())
    ]
    if lost:
        raise UnsupportedVariantError(
            f"model {model.name!r}: weights are too large for {precision.value} (65504 at most): "
            f"{', '.join(lost[:5])}. Use bfloat16"
        )


def _edge_layers(model: Any) -> list[Any]:
    """The layers that keep their dtype: preprocessing, and what makes the outputs."""
    return [*(layer for layer in model._flatten_layers() if _is_preprocessing(layer)), *_output_layers(model)]


def _output_layers(model: Any) -> list[Any]:
    """The layers whose results are a model's outputs; of a nested model the ones inside."""
    last = getattr(model, "layers", [])[
        -1:
    ]  # a Sequential's history names the inner functional's layer: the same object
    made = [tensor._keras_history.operation for tensor in model.outputs]
    found = []
    for layer in [*made, *last]:
        found.append(layer)
        if layer is not model and getattr(layer, "outputs", None):
            found += _output_layers(layer)
    return found


def _is_preprocessing(layer: Any) -> bool:
    """Rescaling, Normalization, Resizing, look-ups: Keras keeps them in one package."""
    return ".layers.preprocessing." in type(layer).__module__


def _is_custom(layer: Any) -> bool:
    return not type(layer).__module__.startswith("keras.") or type(layer).__name__ == "Lambda"


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
