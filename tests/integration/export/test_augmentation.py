"""Augmentation wherever it stands in a model leaves nothing in the served graph, and the model can still be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.augmentation import strip_augmentation
from export.errors import UnservableModelError
from export.options import Precision
from export.servable import servable_from_keras
from export.verify import verify_saved_model
from export.writer import write_saved_model

pytestmark = pytest.mark.slow


def augment() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([layers.RandomFlip(), layers.RandomGrayscale(0.9), layers.RandomHue(0.5, (0, 1))])


def headed(body: Callable[[Any], Any]) -> Any:
    """A model of (rows, 8, 8, 3) images with something between its input and its scores."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3), name="image")
    return keras.Model(image, layers.Dense(3, name="scores")(layers.Flatten()(body(image))))


def in_nested_models(x: Any) -> Any:
    import keras

    inner = keras.Input((8, 8, 3))
    return keras.Model(inner, keras.layers.Conv2D(4, 3)(keras.Sequential([augment()])(inner)))(x)


def in_a_custom_layer(x: Any) -> Any:
    import keras

    class Blurred(keras.layers.Layer):  # type: ignore[misc]  # Keras comes without types
        def __init__(self) -> None:
            super().__init__()
            self.augment = augment()

        def call(self, x: Any, training: bool = False) -> Any:
            return self.augment(x, training=training) * 0.5

    return Blurred()(x)


def in_a_pipeline(x: Any) -> Any:
    from keras import layers

    return layers.Pipeline([layers.RandomHue(0.5, (0, 1)), layers.Rescaling(2.0)])(x)


def in_a_wrapper(x: Any) -> Any:
    from keras import layers

    return layers.TimeDistributed(layers.RandomHue(0.5, (0, 1)))(layers.Reshape((1, 8, 8, 3))(x))


def on_one_of_two_ways(x: Any) -> Any:
    from keras import layers

    shared = layers.Conv2D(3, 3)
    return layers.Add()([shared(augment()(x)), shared(x)])


@pytest.mark.parametrize("body", [in_nested_models, in_a_custom_layer, in_a_pipeline, in_a_wrapper, on_one_of_two_ways])
def test_augmentation_is_gone_from_the_graph_and_the_answer_is_keras_answer(
    body: Callable[[Any], Any], tmp_path: Path
) -> None:
    model = headed(body)
    stripped, names = strip_augmentation(model)
    assert any("random_hue" in name for name in names)
    servable = servable_from_keras(stripped)
    write_saved_model(servable, tmp_path)
    verify_saved_model(tmp_path, servable, Precision.FLOAT32, None)
    x = np.random.default_rng(1).random((4, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(servable.call({"image": x})["scores"], model(x, training=False), atol=1e-5)
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


def test_what_draws_random_numbers_by_itself_is_refused_with_its_place(tmp_path: Path) -> None:
    import keras

    class Noisy(keras.layers.Layer):  # type: ignore[misc]  # Keras comes without types
        def call(self, x: Any) -> Any:
            return x + keras.random.normal((1,))

    model = headed(Noisy(name="noise"))
    with pytest.raises(UnservableModelError, match=r"draws random numbers .*, in functional.*/noise"):
        write_saved_model(servable_from_keras(strip_augmentation(model)[0]), tmp_path)
