"""What pruning can't follow is protected and named, and the rest of the model is cut all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.options import PruneSpec
from export.pruning.graph import build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.surgery import cut_model

pytestmark = pytest.mark.slow

RECURRENT = "it is recurrent: its gates and states share its units, so these stay whole"
ATTENTION = "it is attention: its heads share its width, so it stays whole, and what it is given"
GROUPS = "its groups need equally many channels each, and "


def held(shape: tuple[int, ...], change: Callable[[Any], Any]) -> tuple[Any, dict[str, str], list[str]]:
    """Cut a model of a wide layer, what a case puts behind it, a free layer, scores; with what is protected and cut."""
    import keras
    from keras import layers

    given = keras.Input(shape, name="given")
    x = change(layers.Dense(32, name="wide")(given))
    x = layers.Dense(32, activation="relu", name="free")(x)
    model = keras.Model(given, layers.Dense(2, name="scores")(layers.Flatten()(x)))
    graph = build_graph(model)
    groups = prunable_groups(graph, 0.5)
    smaller = cut_model(model, graph, removed_roots(graph, groups, PruneSpec(0.5)))
    rows = np.ones((2, *shape), "float32")
    assert np.array(smaller(rows)).shape == (2, 2)
    return smaller, graph.protected, sorted(name for group in groups for name in group.layers)


def convolutional_rnn(x: Any) -> Any:
    import keras

    return keras.layers.ConvLSTM1D(8, 1, name="held")(keras.layers.Reshape((3, 2, 32))(x))


def attention(x: Any) -> Any:
    import keras

    return keras.layers.MultiHeadAttention(2, 4, name="held")(x, x)


def soft(x: Any) -> Any:
    import keras

    return keras.layers.Softmax(name="held")(x)


def log_soft(x: Any) -> Any:
    import keras

    return keras.layers.Activation("log_softmax", name="held")(x)


def turned(x: Any) -> Any:
    import keras

    return keras.layers.Permute((2, 1), name="held")(x)


def odd_rows(x: Any) -> Any:
    import keras

    return keras.layers.Reshape((8, 24), name="held")(x)


def noise_by_width(x: Any) -> Any:
    import keras

    return keras.layers.Dropout(0.1, noise_shape=(None, 1, 32), name="held")(x)


def varying_constant(x: Any) -> Any:
    return x * np.arange(32, dtype="float32")


def summed_channels(x: Any) -> Any:
    import keras

    return keras.ops.sum(x, axis=-1, keepdims=True)


def model_at_each_step(x: Any) -> Any:
    import keras

    inner = keras.Sequential([keras.Input((32,)), keras.layers.Dense(4)])
    return keras.layers.TimeDistributed(inner, name="held")(x)


def norm_over_steps(x: Any) -> Any:
    import keras

    return keras.layers.BatchNormalization(axis=1, name="held")(x)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (convolutional_rnn, RECURRENT),
        (attention, ATTENTION),
        (soft, "its softmax mixes channels"),
        (log_soft, "its activation log_softmax mixes channels"),
        (turned, "it moves the channels away from the last axis"),
        (odd_rows, "it puts 32 channels into rows of 24, so they don't stay apart"),
        (noise_by_width, "its noise_shape names the width"),
        (varying_constant, "operation Multiply has a constant that differs by position; it keeps wide whole"),
        (summed_channels, "operation Sum takes all channels; it keeps wide whole"),
        (model_at_each_step, "Sequential is not known to pruning"),
        (norm_over_steps, "it doesn't normalise the last axis"),
    ],
)
def test_what_is_not_known_is_protected_and_named_and_the_rest_is_cut(
    change: Callable[[Any], Any], reason: str
) -> None:
    smaller, protected, cut = held((6, 4), change)
    assert list(protected.values()) == [reason]
    assert cut == ["free"]
    assert (smaller.get_layer("wide").units, smaller.get_layer("free").units) == (32, 16)


@pytest.mark.parametrize("is_both_ways", [False, True])
def test_a_recurrent_layer_keeps_its_units_and_is_named_while_what_it_takes_is_cut(is_both_ways: bool) -> None:
    from keras import layers

    rnn = layers.GRU(32, name="rnn")
    smaller, protected, cut = held((6, 4), layers.Bidirectional(rnn, name="rnn") if is_both_ways else rnn)
    assert protected == {"rnn": RECURRENT}
    assert cut == ["free", "wide"]
    inside = smaller.get_layer("rnn").forward_layer if is_both_ways else smaller.get_layer("rnn")
    assert (inside.units, tuple(inside.cell.kernel.shape)) == (32, (16, 96))


def test_a_custom_layer_is_protected_by_whatever_name() -> None:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Dropout(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def call(self, x: Any) -> Any:
            return x[..., ::-1]

    _, protected, cut = held((6, 4), Dropout(name="held"))
    assert protected == {"held": "Dropout is not a layer of Keras, so pruning can't know what it does"}
    assert cut == ["free"]


def test_a_custom_activation_is_protected_by_whatever_name() -> None:
    import keras

    @keras.saving.register_keras_serializable("tests")  # type: ignore[untyped-decorator]  # Keras has no types
    def relu(x: Any) -> Any:
        return keras.ops.relu(x) - keras.ops.mean(x, axis=-1, keepdims=True)

    _, protected, cut = held((6, 4), keras.layers.Dense(32, activation=relu, name="held"))
    assert protected == {"held": "its activation relu is not one of Keras"}
    assert cut == ["free", "wide"]


def test_group_normalisation_over_channels_of_different_layers_protects_them() -> None:
    import keras
    from keras import layers

    def change(x: Any) -> Any:
        return layers.GroupNormalization(4, name="held")(layers.Concatenate()([x, layers.Dense(32, name="other")(x)]))

    _, protected, cut = held((6, 4), change)
    assert protected == {"held": GROUPS + "different layers make them"}
    assert cut == ["free"]
    given = keras.Input((6, 4), name="given")
    x = layers.Dense(32)(given)
    three_of_it = layers.Concatenate()([x, x, x])
    model = keras.Model(given, layers.Dense(2)(layers.GroupNormalization(2, name="held")(three_of_it)))
    assert build_graph(model).protected == {"held": GROUPS + "one channel is in several places"}


def test_two_wishes_that_cut_at_different_places_protect_the_channels() -> None:
    import keras
    from keras import layers

    given = keras.Input((6, 4))
    x = layers.GroupNormalization(2, name="halves")(layers.Conv1D(48, 1)(given))
    x = layers.GroupNormalization(3, name="thirds")(x)
    graph = build_graph(keras.Model(given, layers.Conv1D(2, 1)(x)))
    assert graph.protected == {"thirds": "its groups and those of halves cut the same channels at different places"}
    assert graph.partitions == []


def test_an_output_that_needs_its_whole_width_is_no_news() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(32), keras.layers.Dense(3), keras.layers.Softmax()])
    graph = build_graph(model)
    assert graph.protected == {}
    assert [group.width for group in prunable_groups(graph, 0.5)] == [32]


def test_a_reshape_shared_with_rows_it_cannot_follow_keeps_its_width() -> None:
    import keras
    from keras import layers

    given, rows = keras.Input((6, 8)), layers.Reshape((8, 24))
    followed = rows(layers.Dense(24, name="wide")(layers.UpSampling1D(4)(layers.Cropping1D((2, 2))(given))))
    mixed = rows(layers.Dense(32, name="other")(given))
    model = keras.Model(given, layers.Dense(2)(layers.Flatten()(layers.Concatenate(1)([followed, mixed]))))
    graph = build_graph(model)
    assert prunable_groups(graph, 0.5, multiple=4) == []
    assert list(graph.protected.values()) == ["it puts 32 channels into rows of 24, so they don't stay apart"]


def test_nested_inputs_given_in_another_form_are_protected_and_named() -> None:
    import keras
    from keras import layers

    left, right = keras.Input((32,), name="left"), keras.Input((32,), name="right")
    apart = layers.Subtract()([layers.Dense(32, name="inside")(left), layers.Dense(32)(right)])
    inner = keras.Model({"left": left, "right": right}, apart, name="inner")
    given = keras.Input((4,))
    parts = [layers.Dense(32, name="wide")(given), layers.Dense(32)(given)]
    model = keras.Model(given, layers.Dense(2)(inner(dict(zip(("right", "left"), parts, strict=True)))))
    graph = build_graph(model)
    smaller = cut_model(model, graph, removed_roots(graph, prunable_groups(graph, 0.5), PruneSpec(0.5)))
    rows = np.ones((2, 4), "float32")
    same = cut_model(model, graph, set())
    np.testing.assert_array_equal(np.array(same(rows)), np.array(model(rows)))
    assert smaller.get_layer("inner").get_layer("inside").units == 16
