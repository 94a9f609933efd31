"""Structured pruning: exact where it removes nothing, equal to zeroed channels where it does, honest about the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnsupportedVariantError
from export.options import ExportOptions, Importance, PruneSpec
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.layers import Side
from export.pruning.prune import refuse_empty
from export.pruning.surgery import cut_model
from export.run import run_export
from tests.integration.export import models

pytestmark = pytest.mark.slow

MAKERS = [models.sequential, models.branched, models.squeeze_excite, models.two_inputs]


def rows_for(model: Any, rows: int = 4) -> list[Any]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal((rows, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]


def outputs(model: Any, rows: list[Any]) -> list[Any]:
    import keras

    inputs = rows[0] if len(rows) == 1 else rows
    return [np.array(tensor) for tensor in keras.tree.flatten(model(inputs, training=False))]


def pruned(model: Any, spec: PruneSpec) -> tuple[Any, ChannelGraph, set[int]]:
    graph = build_graph(model)
    removed = removed_roots(graph, prunable_groups(graph, spec.ratio), spec)
    return cut_model(model, graph, removed), graph, removed


@pytest.mark.parametrize("make", MAKERS)
def test_ratio_0_is_exact(make: Callable[[], Any]) -> None:
    model = make()
    same, _, removed = pruned(model, PruneSpec(0.0))
    assert removed == set()
    rows = rows_for(model)
    for before, after in zip(outputs(model, rows), outputs(same, rows), strict=True):
        np.testing.assert_array_equal(before, after)


def silence(graph: ChannelGraph, removed: set[int]) -> None:
    """Make every layer deaf to the removed channels, in the whole model: what cutting them must be equal to."""
    for record in graph.layers.values():
        gone = ~graph.channels.kept(record.taken, removed)
        for name, axes in record.kind.weights.items():
            for axis, side in axes:
                if side is Side.IN and record.made is not None:
                    variable = getattr(record.layer, name)
                    values = np.moveaxis(np.array(variable.value), axis, 0)
                    values[gone] = 0
                    variable.assign(np.moveaxis(values, 0, axis))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("importance", list(Importance))
def test_a_cut_model_equals_the_whole_one_deaf_to_the_channels(make: Callable[[], Any], importance: Importance) -> None:
    model = make()
    smaller, graph, removed = pruned(model, PruneSpec(0.5, importance))
    assert smaller.count_params() < model.count_params()
    rows = rows_for(model)
    after = outputs(smaller, rows)
    silence(graph, removed)
    for deaf, cut in zip(outputs(model, rows), after, strict=True):
        np.testing.assert_allclose(deaf, cut, rtol=1e-3, atol=1e-4)


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


def unknown_between() -> Any:
    import keras
    from keras import layers

    x = keras.Input((8,), name="x")
    y = layers.Dense(32, name="before")(x)
    y = layers.LayerNormalization(name="norm")(y)
    y = layers.Dense(32, name="after")(y)
    return keras.Model(x, layers.Dense(2, name="scores")(y))


def test_what_is_not_known_is_protected_and_named() -> None:
    model = unknown_between()
    smaller, graph, _ = pruned(model, PruneSpec(0.5))
    assert graph.protected == {"norm": "LayerNormalization is not known to pruning"}
    widths = {layer.name: layer.units for layer in smaller.layers if hasattr(layer, "units")}
    assert widths == {"before": 32, "after": 16, "scores": 2}


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "glu"])
def test_an_activation_that_mixes_channels_protects_them(activation: str) -> None:
    import keras

    x = keras.Input((8,))
    y = keras.layers.Activation(activation, name="gate")(keras.layers.Dense(32, name="wide")(x))
    graph = build_graph(keras.Model(x, keras.layers.Dense(2, name="scores")(y)))
    assert graph.protected == {"gate": f"its activation {activation} mixes channels"}
    assert prunable_groups(graph, 0.5) == []


def test_a_model_with_nothing_to_prune_is_refused_with_what_stands_in_the_way() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(8, 3, name="thin"), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    graph, spec = build_graph(model), PruneSpec(0.5)
    with pytest.raises(UnsupportedVariantError, match=r"thin \(only 8 wide\)"):
        refuse_empty(model, graph, prunable_groups(graph, spec.ratio), spec)


def test_a_saved_model_cannot_be_pruned_and_says_what_can(tmp_path: Path) -> None:
    models.sequential().export(tmp_path / "saved", verbose=False)
    data = models.save_data(tmp_path / "d.npz", 8, (12,), 3)
    with pytest.raises(UnsupportedVariantError, match=r"--prune structured:0.5 need the Keras model \(.keras or .h5\)"):
        run_export(
            ExportOptions(tmp_path / "saved", "m", tmp_path / "out", prune=PruneSpec(0.5), data_path=data), print
        )
    assert not (tmp_path / "out").exists()


def test_a_pruned_model_is_fine_tuned_measured_and_published(tmp_path: Path) -> None:
    model = models.sequential()
    model.save(tmp_path / "m.keras")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1600, 12)).astype("float32")
    y = x[:, :3].argmax(axis=1)  # the untrained source guesses; what was fine-tuned has learnt
    np.savez(tmp_path / "d.npz", x_train=x[:1400], y_train=y[:1400], x_test=x[1400:], y_test=y[1400:])
    told: list[str] = []
    exported = run_export(
        ExportOptions(
            tmp_path / "m.keras", "m", tmp_path / "out", prune=PruneSpec(0.5), data_path=tmp_path / "d.npz",
            fine_tune_epochs=15,
        ),
        told.append,
    )  # fmt: skip
    content: Any = exported.manifest
    assert content["variant"]["prune"] == "structured:0.5"
    assert content["parameters"] == 12 * 16 + 16 + 16 * 3 + 3
    assert content["accuracy"] > content["baseline"]["accuracy"] + 0.1
    assert content["pruning"]["groups"][0]["width_after"] == 16
    assert sum("fine-tuning, pass" in line for line in told) == 15
