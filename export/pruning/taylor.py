"""Rank channels by what the loss would change without them, to first order, on training rows (Molchanov et al. 2019).

The gradients are computed in a child process, as fine-tuning is, with this module as its program.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ExportError
from export.pruning.graph import ChannelGraph, LayerChannels, build_graph
from export.pruning.importance import Array
from export.pruning.job import Job, end_with_parent, fed, loss_for, plain_model, read_model, read_rows, tell
from export.pruning.layers import Side

TERMS_FILE = "terms.npz"
MAX_ROWS = 512
BATCH_ROWS = 32


def taylor_scores(model: Any, graph: ChannelGraph, terms: dict[int, Array]) -> dict[int, float]:
    """Score by root: what its layers' terms sum to.

    terms: by the layer's place in the model. Where a BatchNormalization scales channels its term alone counts: gamma
    and beta at 0 are the channel gone, while the weights before it leave its beta and mean behind.
    """
    places = {id(layer): place for place, layer in enumerate(model._flatten_layers())}
    scaled: dict[int, float] = {}
    outputs = [record.made for record in graph.layers.values() if record.made is not None]
    made = {root: 0.0 for ids in outputs for root in graph.channels.roots(ids).tolist()}
    for record in graph.layers.values():
        if (term := terms.get(places.get(id(record.layer), -1))) is None:
            continue
        sums = scaled if record.made is None else made
        ids = record.taken if record.made is None else record.made
        for root, value in zip(graph.channels.roots(ids).tolist(), term.tolist(), strict=True):
            sums[root] = sums.get(root, 0.0) + value
    return {**made, **{root: value for root, value in scaled.items() if root in made}}


def layer_terms(model: Any, ordered: list[Any], labels: Any, has_raw_scores: bool) -> dict[int, Array]:
    """For each layer that makes or normalises channels, by its place in the model: the term of each channel.

    The term is the mean over batches of (sum of weight times gradient)^2; ordered: arrays in the order of model.inputs.
    """
    import tensorflow as tf

    records = build_graph(model).layers
    layers = [
        (place, records[id(layer)]) for place, layer in enumerate(model._flatten_layers()) if id(layer) in records
    ]
    weights = [(place, axis, variable) for place, record in layers for variable, axis in _weights(record)]
    loss_of = loss_for(model, has_raw_scores)
    terms: dict[int, Array] = {}
    plain = plain_model(model)
    starts = range(0, len(labels), BATCH_ROWS)
    for start in starts:
        rows = fed([array[start : start + BATCH_ROWS] for array in ordered])
        with tf.GradientTape() as tape:
            loss = loss_of(labels[start : start + BATCH_ROWS], plain(rows, training=False))
        gradients = tape.gradient(loss, [variable.value for _, _, variable in weights])
        sums: dict[int, Array] = {}
        for (place, axis, variable), gradient in zip(weights, gradients, strict=True):
            if gradient is not None:  # the output may not depend on it
                sums[place] = sums.get(place, 0.0) + _along(variable, tf.convert_to_tensor(gradient), axis)
        for place, values in sums.items():
            terms[place] = terms.get(place, 0.0) + values**2 / len(starts)
        tell(beat=True)
    return terms


def _weights(record: LayerChannels) -> list[tuple[Any, int]]:
    """The variables whose vanishing takes a layer's channel away, and their channel axis."""
    side = Side.OUT if record.made is not None else Side.IN
    names = record.kind.weights
    if record.made is None:
        if type(record.layer).__name__ != "BatchNormalization" or record.layer.gamma is None:
            return []
        names = {name: axes for name, axes in names.items() if name in {"gamma", "beta"}}
    found = []
    for name, axes in names.items():
        variable = getattr(record.layer, name, None)
        axis = next((axis for axis, owner in axes if owner is side), None)
        if variable is not None and axis is not None:
            found.append((variable, axis))
    return found


def _along(variable: Any, gradient: Any, axis: int) -> Array:
    """Sum weight times gradient over all axes but one."""
    products = np.moveaxis(np.asarray(variable.value, np.float64) * np.asarray(gradient), axis, 0)
    return np.asarray(products.reshape(len(products), -1).sum(axis=1))


def main(folder: Path) -> int:
    """Do the job of a folder; exit status 0 when the terms are written."""
    end_with_parent()
    job = Job.read(folder)
    try:
        model = read_model(folder, job)
        ordered, labels = read_rows(folder, len(model.inputs))
    except ExportError as error:
        tell(error=str(error))
        return 1
    terms = layer_terms(model, ordered, labels, job.has_raw_scores)
    arrays: dict[str, Any] = {str(place): values for place, values in terms.items()}
    np.savez(folder / TERMS_FILE, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
