"""Find the layers that only training needs and replace them by the identity: augmentation changes no served answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

# Training-time layers of Keras that are the identity when serving, but leave random operations in the graph.
AUGMENTATION = frozenset(
    {
        "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
        "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
        "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
        "RandomShear", "RandomTranslation", "RandomZoom", "AugMix", "CutMix", "MixUp", "RandAugment",
    }
)  # fmt: skip
_RATES = ("dropout", "recurrent_dropout")  # of a recurrent cell


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


@contextlib.contextmanager
def training_parts_off(model: Any) -> Iterator[None]:
    """Keep a model, while it is called for serving, from drawing random numbers that serving has no use for.

    Augmentation inside other layers (custom ones, pipelines, wrappers), which `strip_augmentation` can't replace, is
    the identity meanwhile. Recurrent cells make no dropout masks: Keras draws them in inference too, for nothing.
    """
    layers = model._flatten_layers()
    rates = [(layer, rate) for layer in layers if hasattr(layer, "get_recurrent_dropout_mask") for rate in _RATES]
    before = [(cell, rate, getattr(cell, rate)) for cell, rate in rates if getattr(cell, rate, 0)]
    augmentation = [layer for layer in layers if _is_augmentation(layer)]
    for cell, rate, _ in before:
        setattr(cell, rate, 0.0)
    for layer in augmentation:
        object.__setattr__(layer, "call", _identity)  # past Keras, which tracks what is set on a layer
    try:
        yield
    finally:
        for cell, rate, value in before:
            setattr(cell, rate, value)
        for layer in augmentation:
            object.__delattr__(layer, "call")


def _identity(inputs: Any, *_: Any, **__: Any) -> Any:
    return inputs
