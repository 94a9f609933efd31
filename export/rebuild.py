"""Build a Keras model again with changed layer configurations, and move weights over without Keras' silent traps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export.errors import UnservableModelError, UnsupportedVariantError
from export.servable import layer_graph

ConfigEdit = Callable[[Any, dict[str, Any]], dict[str, Any]]
NestedWidths = Callable[[Any], Sequence[int] | None]


def rebuild(
    model: Any,
    edit: ConfigEdit,
    nested_widths: NestedWidths | None = None,
) -> Any:
    """Clone a Sequential or functional model, nested ones too, with `edit(layer, config)` applied to each layer.

    Layers shared in the model stay shared. Weights are fresh: copy them with `copy_weights`.
    A Lambda keeps its functions: they were trusted when the model was loaded, and written out they lose their globals.
    nested_widths: the size of the last axis of each input of a nested model, where it changes.
    Raises: UnsupportedVariantError for a model or layer that can't be built from its configuration.
    """
    import keras

    clones: dict[int, Any] = {}

    def clone(layer: Any) -> Any:
        if id(layer) not in clones:
            clones[id(layer)] = clone_fresh(layer)
        return clones[id(layer)]

    def clone_fresh(layer: Any) -> Any:
        if isinstance(layer, keras.Model) and opaque(layer) is None:
            return _clone_model(layer, clone, nested_widths(layer) if nested_widths is not None else None)
        return _clone_layer(layer, edit)

    if (why := opaque(model)) is not None:
        raise UnsupportedVariantError(
            f"model {model.name!r} can't be built again: {why}. Make it a Sequential or functional model of layers"
        )
    try:
        with keras.saving.custom_object_scope({**_own_functions(model), **_lambda_functions(model)}):
            return _clone_model(model, clone, None)
    except UnsupportedVariantError:
        raise
    except Exception as error:  # a layer's build may raise anything
        raise UnsupportedVariantError(
            f"model {model.name!r} can't be built again from its configuration: {_short(error)}"
        ) from error


def _own_functions(model: Any) -> dict[str, Any]:
    """Functions that users gave to layers (activations) by the name a configuration writes, registered or not."""
    values = [value for layer in model._flatten_layers() for value in vars(layer).values()]
    return {
        value.__name__: value
        for value in values
        if inspect.isfunction(value) and not value.__module__.startswith("keras.") and value.__name__ != "<lambda>"
    }


def _clone_layer(layer: Any, edit: ConfigEdit) -> Any:
    """Make a layer, or a bare operation whose configuration changes, anew; other operations hold nothing and stay."""
    import keras

    is_layer = isinstance(layer, keras.Layer)
    try:
        config = layer.get_config()
        changed = _with_lambdas(layer, edit(layer, config))
        return layer.__class__.from_config(changed) if is_layer or changed is not config else layer
    except Exception as error:  # a layer's constructor may raise anything
        if not is_layer and isinstance(error, NotImplementedError):  # what was given to it can't be written down
            return layer
        raise UnsupportedVariantError(
            f"layer {layer.name!r} ({type(layer).__name__}) can't be built again from its configuration: "
            f"{_short(error)}. Let its get_config() say all that its constructor needs, in place of a lambda"
        ) from error


def _lambda_functions(model: Any) -> dict[str, Any]:
    """The functions of a model's Lambda layers by the names that `_with_lambdas` writes."""
    return {name: value for layer in model._flatten_layers() for name, value in _functions_of(layer).values()}


def _functions_of(layer: Any) -> dict[str, tuple[str, Any]]:
    """A Lambda's functions as (name, function), by their key in its configuration; none for other layers."""
    import keras

    if not isinstance(layer, keras.layers.Lambda):
        return {}
    given = {"function": layer.function, "output_shape": layer._output_shape, "mask": layer.mask}
    return {key: (f"{key}_{id(layer)}", value) for key, value in given.items() if callable(value)}


def _with_lambdas(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a Lambda, or of a wrapper of one, with names in place of its functions' code."""
    import keras

    if isinstance(layer, keras.layers.Wrapper) and "layer" in config:
        inner = config["layer"]
        changed = _with_lambdas(layer.layer, inner["config"])
        return config if changed is inner["config"] else {**config, "layer": {**inner, "config": changed}}
    if not (functions := _functions_of(layer)):
        return config
    named = {key: {"class_name": "function", "config": n, "registered_name": n} for key, (n, _) in functions.items()}
    return {**config, **named}


def _short(error: Exception) -> str:
    """The first words of what may be pages."""
    return " ".join(str(error).split())[:300]


def opaque(model: Any) -> str | None:
    """Why the layers inside a model can't be seen, or aren't all it does; None when they are."""
    if not hasattr(layer_graph(model), "_nodes_by_depth"):
        return f"{type(model).__name__} has no graph of layers"
    if not type(model).call.__module__.startswith("keras."):
        return f"{type(model).__name__} has a call() of its own"
    return None


def _clone_model(model: Any, clone_layer: Callable[[Any], Any], widths: Sequence[int] | None) -> Any:
    """Clone one model on new inputs; widths: of the inputs' last axes, None for unchanged."""
    import keras

    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if widths is not None:
        shapes = [(*shape[:-1], width) if width else shape for shape, width in zip(shapes, widths, strict=True)]
    inputs = [
        keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]
    if isinstance(model, keras.Sequential):
        return keras.Sequential([*inputs, *(clone_layer(layer) for layer in model.layers)], name=model.name)
    packed = keras.tree.pack_sequence_as(model._inputs_struct, inputs)
    return keras.models.clone_model(model, input_tensors=packed, clone_function=clone_layer)


def copy_weights(source: Any, clone: Any) -> None:
    """Copy every variable of a clone of equal shapes, casting floats to the clone's dtype.

    Layers that cache what they computed from their weights (Normalization) are told to compute it again: without that
    they are silently wrong.
    Raises: UnsupportedVariantError when the two don't match variable by variable.
    """
    pairs = list(zip(source.variables, clone.variables, strict=False))
    if len(source.variables) != len(clone.variables) or any(old.shape != new.shape for old, new in pairs):
        raise UnsupportedVariantError(
            f"model {source.name!r}: its clone has other variables, so weights can't be copied"
        )
    for old, new in pairs:
        new.assign(np.asarray(old.value).astype(new.value.dtype.as_numpy_dtype))
    finalize(clone)


def finalize(model: Any) -> None:
    """Let every layer recompute what it caches from its weights."""
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def refuse_bad_weights(model: Any) -> None:
    """Refuse NaN and infinity. Raises: UnservableModelError naming the variables."""
    bad = []
    for variable in model.variables:
        values = np.asarray(variable.value)
        if values.dtype.kind == "f" and not bool(np.isfinite(values).all()):
            bad.append(variable.path)
    if bad:
        raise UnservableModelError(
            f"model {model.name!r}: weights are not finite numbers: {', '.join(bad[:5])}; its training diverged"
        )
