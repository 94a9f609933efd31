"""Build a Keras model again with changed layer configurations, and move weights over without Keras' silent traps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export.errors import UnservableModelError, UnsupportedVariantError
from export.servable import layer_graph

ConfigEdit = Callable[[Any, dict[str, Any]], dict[str, Any]]
NestedWidths = Callable[[Any], Sequence[int] | None]

# Training-time layers of Keras that are the identity when serving, but leave random operations in the graph.
AUGMENTATION = frozenset(
    {
        "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
        "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
        "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
        "RandomShear", "RandomTranslation", "RandomZoom", "AugMix", "CutMix", "MixUp", "RandAugment",
    }
)  # fmt: skip


def rebuild(model: Any, edit: ConfigEdit, nested_widths: NestedWidths | None = None) -> Any:
    """Clone a Sequential or functional model, nested ones too, with `edit(layer, config)` applied to each layer.

    Layers shared in the model stay shared. Weights are fresh: copy them with `copy_weights`.
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
        if isinstance(layer, keras.Sequential | keras.Model) and hasattr(layer_graph(layer), "_inputs_struct"):
            return _clone_model(layer, clone, nested_widths(layer) if nested_widths is not None else None)
        if not isinstance(layer, keras.Layer):
            return layer  # a bare operation (`x + y`): it has no weights and no width
        return layer.__class__.from_config(edit(layer, layer.get_config()))

    try:
        return _clone_model(model, clone, None)
    except Exception as error:  # a layer's constructor or build may raise anything
        reason = " ".join(str(error).split())[:300]
        raise UnsupportedVariantError(
            f"model {model.name!r} can't be built again from its configuration: {reason}"
        ) from error


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


def strip_augmentation(model: Any) -> tuple[Any, list[str]]:
    """Replace augmentation layers by the identity; return the model (the same when there are none) and their names."""
    import keras

    found = [layer for layer in model._flatten_layers() if _is_augmentation(layer)]
    if not found:
        return model, []

    def clone_layer(layer: Any) -> Any:
        if _is_augmentation(layer):
            return keras.layers.Identity(name=layer.name)
        return layer  # the same layer, with its weights

    stripped = keras.models.clone_model(model, clone_function=clone_layer, recursive=True)
    return stripped, [layer.name for layer in found]


def _is_augmentation(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.") and type(layer).__name__ in AUGMENTATION


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
