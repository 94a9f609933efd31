"""Which channels go on real models: by weights, by scale, by the loss's gradients; partitions, latency, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data import Data, Split
from export.errors import UnsupportedVariantError
from export.options import Allocation, ExportOptions, Importance, PruneSpec
from export.pruning.graph import build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.importance import weight_scores
from export.pruning.job import loss_for
from export.pruning.prune import prune_model
from export.pruning.surgery import cut_model
from export.pruning.taylor import layer_terms, taylor_scores

pytestmark = pytest.mark.slow


def options(spec: PruneSpec, epochs: int = 0) -> ExportOptions:
    return ExportOptions(
        Path("m.keras"), "m", Path("out"), prune=spec, data_path=Path("d.npz"), fine_tune_epochs=epochs
    )


def data_for(model: Any, rows: int = 64, classes: int | None = 3) -> Data:
    from export.servable import input_aliases

    rng = np.random.default_rng(4)
    inputs = {
        alias: rng.standard_normal((rows, *tensor.shape[1:])).astype("float32")
        for alias, tensor in zip(input_aliases(model), model.inputs, strict=True)
    }
    labels: Any = None if classes is None else rng.integers(0, classes, rows)
    return Data(Split(inputs, labels), Split(inputs, labels))


def normalised() -> Any:
    """A convolution with BatchNormalization, one without, and a Dense: (rows, 6, 6, 3) -> 3 scores."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    image = keras.Input((6, 6, 3), name="image")
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(layers.Conv2D(32, 3, name="scaled")(image)))
    x = layers.Conv2D(32, 3, activation="relu", name="plain")(x)
    return keras.Model(image, layers.Dense(3, name="scores")(layers.Flatten()(x)))


def kept_of(model: Any, smaller: Any, name: str) -> list[int]:
    """Which filters of a convolution are still there, found by their biases, made unlike before the cut."""
    before, after = (np.array(one.get_layer(name).bias.value) for one in (model, smaller))
    return [int(np.flatnonzero(before == bias)[0]) for bias in after]


def number_biases(model: Any, name: str) -> None:
    bias = model.get_layer(name).bias
    bias.assign(np.linspace(-0.01, 0.01, bias.shape[0]))


def test_channels_of_small_scale_go_and_layers_without_a_scale_are_ranked_by_l2() -> None:
    model = normalised()
    number_biases(model, "scaled")
    model.get_layer("norm").gamma.assign(np.r_[np.full(16, -2.0), np.full(16, 0.1)])
    spec = PruneSpec(0.5, Importance.BN_SCALE)
    smaller, account = prune_model(model, options(spec), data_for(model), print)
    assert kept_of(model, smaller, "scaled") == list(range(16))
    assert account["importance_fallbacks"] == {"plain": "l2"}


def deaf_to(model: Any, name: str, channels: slice) -> None:
    """Make the loss independent of some channels that the layer before `name` makes."""
    kernel = model.get_layer(name).kernel
    values = np.array(kernel.value)
    values[:, :, channels] = 0
    kernel.assign(values)


def test_channels_on_which_the_loss_does_not_depend_go_first_by_taylor() -> None:
    model = normalised()
    number_biases(model, "scaled")
    deaf_to(model, "plain", slice(8, 24))
    told: list[str] = []
    smaller, account = prune_model(model, options(PruneSpec(0.5, Importance.TAYLOR)), data_for(model), told.append)
    assert kept_of(model, smaller, "scaled") == [*range(8), *range(24, 32)]
    assert told[0] == "  computing the loss's gradients on 64 training rows"
    assert account["importance"] == "taylor"


def test_a_taylor_term_is_the_squared_slope_of_the_loss_as_the_channel_fades() -> None:
    model = normalised()
    rows = data_for(model, 32)
    x, labels = rows.train.inputs["image"], rows.train.labels
    graph = build_graph(model)
    scores = taylor_scores(model, graph, layer_terms(model, [x], labels, True))
    kernel, bias = model.get_layer("plain").kernel, model.get_layer("plain").bias
    record = graph.layers[id(model.get_layer("plain"))]
    assert record.made is not None

    def loss_when(channel: int, share: float) -> float:
        whole = np.array(kernel.value), np.array(bias.value)
        faded = [np.array(part) for part in whole]
        for part in faded:
            part[..., channel] *= share
        kernel.assign(faded[0])
        bias.assign(faded[1])
        loss = float(loss_for(model, True)(labels, model(x, training=False)))
        kernel.assign(whole[0])
        bias.assign(whole[1])
        return loss

    for channel in (0, 7, 31):
        slope = (loss_when(channel, 1.05) - loss_when(channel, 0.95)) / 0.1
        root = int(graph.channels.roots(record.made)[channel])
        assert scores[root] == pytest.approx(slope**2, rel=0.05, abs=1e-7)


@pytest.mark.parametrize("importance", [Importance.L1, Importance.L2, Importance.BN_SCALE])
def test_scores_of_a_layer_are_scaled_to_mean_1_so_that_groups_compare(importance: Importance) -> None:
    model = normalised()
    model.get_layer("plain").kernel.assign(100 * np.array(model.get_layer("plain").kernel.value))
    graph = build_graph(model)
    scores = weight_scores(graph, importance).by_root
    for group in prunable_groups(graph, 0.5):
        assert np.mean([scores[root] for root in group.roots]) == pytest.approx(1)


def grouped() -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    image = keras.Input((6, 6, 8), name="image")
    x = layers.Conv2D(32, 1, name="before")(image)
    x = layers.Conv2D(64, 3, groups=4, name="in_groups")(x)
    x = layers.ReLU()(layers.GroupNormalization(8, name="norm")(x))
    return keras.Model(image, layers.Dense(3, name="scores")(layers.GlobalMaxPooling2D()(x)))


@pytest.mark.parametrize("allocation", [Allocation.UNIFORM, Allocation.GLOBAL])
def test_every_group_of_a_grouped_convolution_loses_equally_many(allocation: Allocation) -> None:
    model = grouped()
    graph = build_graph(model)
    by_name = {group.layers: len(group.parts) for group in prunable_groups(graph, 0.5)}
    assert by_name == {("before",): 4, ("in_groups",): 8}
    smaller, account = prune_model(model, options(PruneSpec(0.5, allocation=allocation)), data_for(model), print)
    assert account["parameters_after"] == account["parameters_computed"] == smaller.count_params()
    assert smaller.get_layer("in_groups").groups == 4 and smaller.get_layer("norm").groups == 8
    assert smaller.get_layer("in_groups").filters < 64
    assert np.isfinite(np.array(smaller(data_for(model).test.inputs["image"]))).all()


def test_latency_decides_within_bounds_and_every_measurement_is_in_the_account() -> None:
    model = normalised()
    spec = PruneSpec(0.3, allocation=Allocation.LATENCY, multiple=8)
    smaller, account = prune_model(model, options(spec), data_for(model), print)
    rounds: Any = account["rounds"]
    search = rounds[0]["latency"]
    assert search["target_ratio"] == 0.7 and search["is_reached"] == (search["reached_ratio"] <= 0.72)
    assert 3 <= len(search["measured"]) <= 21 and all(one["latency_ratio"] > 0 for one in search["measured"])
    chosen = [group["width_after"] for group in account["groups"]]  # type: ignore[attr-defined]  # plain JSON
    assert chosen in [one["widths"] for one in search["measured"]]
    assert chosen == [smaller.get_layer(name).filters for name in ("scaled", "plain")]
    json.dumps(account)


def recurrent() -> Any:
    import keras

    rows = keras.Input((5, 4), name="rows")
    return keras.Model(rows, keras.layers.Dense(3)(keras.layers.GRU(32, name="memory")(rows)), name="sequence")


def attentive() -> Any:
    import keras
    from keras import layers

    rows = keras.Input((5, 8), name="rows")
    x = layers.MultiHeadAttention(2, 8, name="heads")(rows, rows)
    return keras.Model(rows, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)), name="sequence")


@pytest.mark.parametrize(("make", "layer"), [(recurrent, "memory"), (attentive, "heads")])
@pytest.mark.parametrize("allocation", list(Allocation))
def test_a_model_with_nothing_to_prune_is_told_why_and_what_still_works(
    make: Callable[[], Any], layer: str, allocation: Allocation
) -> None:
    model = make()
    with pytest.raises(UnsupportedVariantError, match=rf"{layer} \(.*exported and quantized all the same"):
        prune_model(model, options(PruneSpec(0.5, allocation=allocation)), data_for(model), print)


def test_a_ratio_of_less_than_one_step_is_refused_with_the_remedy() -> None:
    model = normalised()
    spec = PruneSpec(0.01, allocation=Allocation.GLOBAL)
    with pytest.raises(UnsupportedVariantError, match=r"less than one step of 16 channels.*--prune-multiple"):
        prune_model(model, options(spec), data_for(model), print)


@pytest.mark.parametrize(
    ("importance", "epochs", "wanted"),
    [
        (Importance.L2, 1, r"fine-tuning needs labels, and --data has no y_train; .*--fine-tune-epochs 0"),
        (Importance.TAYLOR, 0, r"the Taylor importance needs labels.*another --prune-importance"),
        (Importance.TAYLOR, 1, r"fine-tuning and the Taylor importance need labels"),
    ],
)
def test_what_needs_labels_is_refused_without_them(importance: Importance, epochs: int, wanted: str) -> None:
    model = normalised()
    with pytest.raises(UnsupportedVariantError, match=wanted):
        prune_model(model, options(PruneSpec(0.5, importance), epochs), data_for(model, classes=None), print)


def test_without_labels_weights_still_rank_and_the_latency_is_measured() -> None:
    model = normalised()
    smaller, _ = prune_model(model, options(PruneSpec(0.5)), data_for(model, classes=None), print)
    assert smaller.get_layer("plain").filters == 16


def test_taylor_scores_are_never_guessed() -> None:
    graph = build_graph(normalised())
    with pytest.raises(ValueError, match="training rows"):
        removed_roots(graph, prunable_groups(graph, 0.5), PruneSpec(0.5, Importance.TAYLOR))


def test_cutting_nothing_leaves_an_exact_copy() -> None:
    model = normalised()
    graph = build_graph(model)
    x = data_for(model).test.inputs["image"]
    same = cut_model(model, graph, removed_roots(graph, prunable_groups(graph, 0.0), PruneSpec(0.0)))
    np.testing.assert_array_equal(np.array(model(x)), np.array(same(x)))


def test_partitions_outlast_strong_cuts_in_rounds() -> None:
    model = grouped()
    spec = PruneSpec(0.9, multiple=1, rounds=3)
    smaller, account = prune_model(model, options(spec), data_for(model), print)
    assert smaller.get_layer("before").filters == 8 and smaller.get_layer("in_groups").filters == 16
    assert account["parameters_after"] == account["parameters_computed"] == smaller.count_params()
