"""Models that can't be cut at all are refused in one error that names the layer, the reason and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from export.errors import UnsupportedVariantError
from export.pruning.graph import build_graph
from export.pruning.surgery import cut_model

pytestmark = pytest.mark.slow


def subclassed() -> Any:
    import keras

    class Own(keras.Model):  # type: ignore[misc]  # Keras has no types
        def call(self, x: Any) -> Any:
            return x

    return Own(name="own")


def called_otherwise() -> Any:
    import keras

    class Doubled(keras.Model):  # type: ignore[misc]  # Keras has no types
        def __init__(self) -> None:
            given = keras.Input((3,))
            super().__init__(given, keras.layers.Dense(32)(given), name="doubled")

        def call(self, x: Any) -> Any:
            return super().call(x) * 2

    return Doubled()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (subclassed, "model 'own' can't be pruned: Own has no graph of layers. Build it from layers"),
        (called_otherwise, r"model 'doubled' can't be pruned: Doubled has a call\(\) of its own. Build it from layers"),
    ],
)
def test_a_model_whose_layers_cannot_be_seen_is_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(UnsupportedVariantError, match=words):
        build_graph(make())


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_layer_that_cannot_be_built_again_is_named_with_a_remedy() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(32, activation=lambda x: x + 1, name="odd")])
    with pytest.raises(
        UnsupportedVariantError, match=r"layer 'odd' \(Dense\) can't be built again.*in place of a lambda"
    ):
        cut_model(model, build_graph(model), set())


def test_a_layer_that_does_not_tell_its_configuration_is_named() -> None:
    import keras

    class Scaled(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def __init__(self, factor: Any) -> None:
            super().__init__(name="scaled")
            self.factor = factor

        def call(self, x: Any) -> Any:
            return x

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(32), Scaled(Any), keras.layers.Dense(2)])
    with pytest.raises(UnsupportedVariantError, match=r"layer 'scaled' \(Scaled\) can't be built again"):
        cut_model(model, build_graph(model), set())


def test_a_layer_shared_with_a_wrapper_is_refused() -> None:
    import keras
    from keras import layers

    given, twice = keras.Input((3, 4)), layers.Dense(4)
    model = keras.Model(given, layers.TimeDistributed(twice)(twice(given)))
    with pytest.raises(UnsupportedVariantError, match="inside a wrapper is used elsewhere too"):
        cut_model(model, build_graph(model), set())
