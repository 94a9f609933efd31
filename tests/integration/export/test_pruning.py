"""Structured pruning, for every known layer: exact where it removes nothing, else equal to channels that go unheard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.errors import UnsupportedVariantError
from export.options import Importance, PruneSpec
from export.pruning.costs import expected_parameters
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.prune import refuse_empty
from export.pruning.surgery import cut_model
from tests.integration.export import layer_models, models
from tests.integration.export.architectures import difference, outputs
from tests.integration.export.cut_oracles import unhear

pytestmark = pytest.mark.slow

WHOLE = (models.sequential, models.branched, models.squeeze_excite, models.two_inputs)
Make = Callable[[], Any]


def rows_for(model: Any, rows: int = 3) -> list[Any]:
    rng = np.random.default_rng(7)
    shapes = [(rows, *(size or 9 for size in tensor.shape[1:])) for tensor in model.inputs]
    return [
        rng.integers(0, 10, shape).astype("int32") if tensor.dtype == "int32" else rng.standard_normal(shape, "float32")
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]


def pruned(model: Any, spec: PruneSpec) -> tuple[Any, ChannelGraph, set[int]]:
    graph = build_graph(model)
    removed = removed_roots(graph, prunable_groups(graph, spec.ratio), spec)
    return cut_model(model, graph, removed), graph, removed


@pytest.mark.parametrize("make", [*WHOLE, *layer_models.EXACT, *layer_models.MIXING])
def test_ratio_0_is_exact_and_half_leaves_the_parameters_that_were_computed(make: Make) -> None:
    model = make()
    rows = rows_for(model)
    same, graph, nothing = pruned(model, PruneSpec(0.0))
    assert nothing == set()
    assert difference(outputs(model, rows), outputs(same, rows)) == 0.0
    smaller, graph, removed = pruned(model, PruneSpec(0.5))
    assert smaller.count_params() == expected_parameters(graph, model, removed) < model.count_params()
    shapes = [answer.shape for answer in outputs(model, rows)]
    assert [answer.shape for answer in outputs(smaller, rows)] == shapes


@pytest.mark.parametrize("make", [*WHOLE, *layer_models.EXACT])
def test_a_cut_model_equals_the_whole_one_deaf_to_the_channels(make: Make) -> None:
    model = make()
    rows = rows_for(model)
    smaller, graph, removed = pruned(model, PruneSpec(0.5, Importance.L1))
    cut = outputs(smaller, rows)
    unhear(graph, removed)
    assert difference(outputs(model, rows), cut) < 1e-4
    assert difference(cut, [np.zeros_like(answer) for answer in cut]) > 1e-3  # it does answer something


def test_widths_fall_to_multiples_of_16_in_every_layer_that_must_agree() -> None:
    smaller, _, _ = pruned(models.branched(), PruneSpec(0.5))
    widths = [layer.filters for layer in smaller.layers if hasattr(layer, "filters")]
    # 48 * 0.5 = 24 lies between 16 and 32; Python rounds 1.5 to the even 2.
    assert widths == [16, 16, 32]


def test_the_least_important_channels_go() -> None:
    model = models.sequential()
    kernel = np.ones((12, 32), "float32")
    kernel[:, :16] = 0.01
    model.layers[0].kernel.assign(kernel)
    smaller, _, _ = pruned(model, PruneSpec(0.5))
    np.testing.assert_array_equal(np.array(smaller.layers[0].kernel.value), np.ones((12, 16), "float32"))


def test_a_grouped_convolution_loses_equally_many_channels_of_each_group() -> None:
    model = layer_models.grouped()
    first, second = (layer for layer in model.layers if getattr(layer, "filters", 0) in (32, 64))
    for layer in (first, second):  # by norm alone all channels of the first half would go, two whole groups
        kernel = np.array(layer.kernel.value)
        kernel[..., : kernel.shape[-1] // 2] *= 1e-3
        layer.kernel.assign(kernel)
    smaller, graph, removed = pruned(model, PruneSpec(0.5))
    for record in graph.layers.values():
        if record.layer is second and record.made is not None:
            for ids in (record.taken, record.made):
                assert graph.channels.kept(ids, removed).reshape(4, -1).sum(axis=1).tolist() == [len(ids) // 8] * 4
    cut = smaller.get_layer(second.name)
    assert (cut.groups, cut.filters, tuple(cut.kernel.shape)) == (4, 32, (3, 3, 4, 32))


def test_a_depthwise_convolution_written_as_grouped_loses_groups() -> None:
    smaller, _, _ = pruned(layer_models.depthwise_as_grouped(), PruneSpec(0.5))
    cut = smaller.layers[2]
    assert (cut.groups, cut.filters, tuple(cut.kernel.shape)) == (16, 32, (3, 3, 1, 32))


@pytest.mark.parametrize("groups", [1, 4])
def test_a_group_normalisation_counts_the_channels_that_stay(groups: int) -> None:
    """Groups keep equally many channels each, so the answer is the normalisation of those, group by group."""
    import keras
    from keras import layers

    x = keras.Input((4, 32), name="x")
    normal = layers.GroupNormalization(groups, epsilon=1e-3)(layers.Conv1D(32, 1, name="conv")(x))
    model = models.randomised(keras.Model(x, layers.Conv1D(3, 1, name="scores")(normal)))
    smaller, graph, removed = pruned(model, PruneSpec(0.5))
    conv = next(record for record in graph.layers.values() if record.layer.name == "conv")
    assert conv.made is not None
    kept = graph.channels.kept(conv.made, removed)
    rows = rows_for(model)
    made = np.array(model.get_layer("conv")(rows[0]))[..., kept].reshape(3, 4, groups, -1)
    centred = made - made.mean(axis=(1, 3), keepdims=True)
    scaled = centred / np.sqrt(made.var(axis=(1, 3), keepdims=True) + 1e-3)
    gamma, beta = (np.array(variable.value)[kept] for variable in model.layers[2].trainable_variables)
    kernel, bias = (np.array(variable.value) for variable in model.get_layer("scores").trainable_variables)
    wanted = (scaled.reshape(3, 4, -1) * gamma + beta) @ kernel[0][kept] + bias
    np.testing.assert_allclose(outputs(smaller, rows)[0], wanted, atol=1e-4)


def test_a_model_with_nothing_to_prune_is_refused_with_what_stands_in_the_way() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(8, 3, name="thin"), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    graph, spec = build_graph(model), PruneSpec(0.5)
    with pytest.raises(UnsupportedVariantError, match=r"thin \(only 8 wide\)"):
        refuse_empty(model, graph, prunable_groups(graph, spec.ratio), spec)


def test_a_cut_model_can_be_cut_again() -> None:
    model = models.squeeze_excite()
    once, _, _ = pruned(model, PruneSpec(0.3))
    twice, graph, removed = pruned(once, PruneSpec(0.5))
    assert twice.count_params() == expected_parameters(graph, once, removed) < once.count_params()
    assert outputs(twice, rows_for(twice))[0].shape == (3, 4)
