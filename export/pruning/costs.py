"""What a cut will leave, computed from the graph of channels without building the smaller model."""

from __future__ import annotations

import math
from typing import Any

from export.pruning.graph import ChannelGraph
from export.pruning.layers import Side
from export.pruning.surgery import weight_names


def expected_parameters(graph: ChannelGraph, model: Any, removed: set[int]) -> int:
    """Parameters (as `count_params` counts them) of the model without the removed roots."""
    shapes = kept_shapes(graph, removed)
    return sum(math.prod(shapes.get(id(variable), tuple(variable.shape))) for variable in model.weights)


def kept_shapes(graph: ChannelGraph, removed: set[int]) -> dict[int, tuple[int, ...]]:
    """The shape after the cut of every weight that follows channels, by id(variable)."""
    shapes = {}
    for record in graph.layers.values():
        kept = {side: int(mask.sum()) for side, mask in graph.kept(record, removed).items()}
        for key, name in weight_names(record).items():
            shape = list(getattr(record.layer, name).shape)
            for axis, side in record.kind.weights[name]:
                shape[axis] = kept[side]
            if record.kind.grouped and name == "kernel":
                shape[-2] = kept[Side.IN] // record.kind.groups
            shapes[key] = tuple(shape)
    return shapes
