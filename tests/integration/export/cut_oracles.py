"""What a cut model must answer, said without cutting: the whole model, its removed channels made mute or unheard.

Mute: what makes them is set to zero, so that they carry 0 wherever activations keep 0. Unheard: what takes them is set
to zero, whatever they carry. Neither holds where a normalisation mixes channels, as it then counts them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from export.pruning.graph import ChannelGraph, LayerChannels
from export.pruning.layers import Flow, Side


def mute(graph: ChannelGraph, removed: set[int]) -> None:
    """Make every layer's removed channels 0: their weights, biases, means; variances 1."""
    for record in graph.layers.values():
        kept = graph.kept(record, removed)
        for name, axes in record.kind.weights.items():
            for axis, side in axes:
                if side is Side.OUT or record.kind.flow is not Flow.MAKE:
                    _fill(record, name, axis, ~kept[side], 1.0 if name == "moving_variance" else 0.0)


def unhear(graph: ChannelGraph, removed: set[int]) -> None:
    """Make every layer that makes channels deaf to the removed ones that it takes."""
    for record in graph.layers.values():
        if record.kind.flow is not Flow.MAKE:
            continue
        kept = graph.kept(record, removed)
        for name, axes in record.kind.weights.items():
            for axis, side in axes:
                if side is not Side.OUT:
                    _fill(record, name, axis, ~kept[side], 0.0)
        if record.kind.grouped:
            _unhear_by_group(record, ~kept[Side.IN])


def _fill(record: LayerChannels, name: str, axis: int, places: Any, value: float) -> None:
    variable = getattr(record.layer, name)
    if variable is not None:
        values = np.moveaxis(np.array(variable.value), axis, 0)
        values[places] = value
        variable.assign(np.moveaxis(values, 0, axis))


def _unhear_by_group(record: LayerChannels, gone: Any) -> None:
    """Row i of a grouped kernel holds channel i of every group, each for that group's columns."""
    kernel = np.array(record.layer.kernel.value)
    share, groups = kernel.shape[-2], record.kind.groups
    columns = kernel.shape[-1] // groups
    for channel in np.flatnonzero(gone):
        group, row = divmod(int(channel), share)
        kernel[..., row, group * columns : (group + 1) * columns] = 0
    record.layer.kernel.assign(kernel)
