"""Layers whose weights or functions aren't those of their class: LoRA, Keras' own quantization, Lambda."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export.options import Importance, PruneSpec
from export.pruning.graph import build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.surgery import cut_model

pytestmark = pytest.mark.slow

GAIN = 3.0
ROWS = np.random.default_rng(1).standard_normal((3, 4, 8)).astype("float32")


def stack(odd: Any) -> Any:
    """Three wide layers with an odd one after the first; (rows, 4, 8) -> (rows, 4, 3)."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    wide = [layers.Dense(32, activation="relu", name=name) for name in ("first", "second")]
    return keras.Sequential([keras.Input((4, 8)), wide[0], odd, wide[1], layers.Dense(3, name="scores")])


def cut(model: Any, ratio: float) -> Any:
    graph = build_graph(model)
    spec = PruneSpec(ratio, Importance.L1)
    return cut_model(model, graph, removed_roots(graph, prunable_groups(graph, ratio), spec))


def assert_cut_around(model: Any, reason: str) -> None:
    """The odd layer keeps what it takes and makes, is named with the reason, and the rest is cut."""
    odd = model.layers[1].name
    assert build_graph(model).protected == {odd: reason}
    np.testing.assert_array_equal(np.asarray(cut(model, 0.0)(ROWS)), np.asarray(model(ROWS)))
    smaller = cut(model, 0.5)
    assert [smaller.get_layer(name).units for name in ("first", "second")] == [32, 16]
    assert np.isfinite(np.asarray(smaller(ROWS))).all()


def test_a_layer_with_lora_is_protected_with_its_weights() -> None:
    import keras

    model = stack(keras.layers.Dense(32, name="odd"))
    model.get_layer("odd").enable_lora(2)
    model.get_layer("odd").lora_kernel_b.assign(np.ones((2, 32)))
    assert_cut_around(model, "it has LoRA's weights beside its own; merge them, or train without")


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_layer_that_keras_quantized_is_protected(mode: str) -> None:
    import keras

    model = stack(keras.layers.Dense(32, name="odd"))
    model.get_layer("odd").quantize(mode)
    assert_cut_around(model, "Keras has quantized its weights; prune the model before")


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_python_lambda_keeps_its_function_globals_and_all(is_wrapped: bool) -> None:
    from keras import layers

    odd: Any = layers.Lambda(lambda x: x * GAIN, output_shape=lambda shape: shape, name="odd")
    model = stack(layers.TimeDistributed(odd, name="odd_steps") if is_wrapped else odd)
    assert_cut_around(model, "Lambda is not known to pruning")


def test_an_operation_is_told_with_the_layers_that_it_keeps_whole() -> None:
    import keras
    from keras import layers

    given = keras.Input((4, 8))
    left, right = layers.Dense(32, name="left")(given), layers.Dense(32, name="right")(given)
    met = keras.ops.matmul(left, keras.ops.transpose(right, (0, 2, 1)))
    protected = build_graph(keras.Model(given, layers.Dense(3)(met))).protected
    assert [reason.partition("; ")[2] for reason in protected.values()] == [
        "it keeps right whole",
        "it keeps left whole",
    ]
