"""Cut: build the model again with smaller widths, and carry over the weights of the channels that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import UnsupportedVariantError
from export.pruning.graph import ChannelGraph, LayerChannels
from export.pruning.layers import Side
from export.rebuild import finalize, rebuild


def cut_model(model: Any, graph: ChannelGraph, removed: set[int]) -> Any:
    """Return a smaller model without the removed channels; with none removed, an exact copy.

    Raises: UnsupportedVariantError when Keras can't build the model again, or a weight has an unexpected shape.
    """

    def edit(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
        record = graph.layers.get(id(layer))
        if record is None or record.made is None or record.kind.width_key is None:
            return config
        return {**config, record.kind.width_key: int(graph.channels.kept(record.made, removed).sum())}

    def nested_widths(nested: Any) -> list[int] | None:
        inputs = graph.nested.get(id(nested))
        return None if inputs is None else [int(graph.channels.kept(ids, removed).sum()) for ids in inputs]

    smaller = rebuild(model, edit, nested_widths)
    for old, new in zip(model._flatten_layers(), smaller._flatten_layers(), strict=True):
        _carry_over(old, new, graph, removed)
    finalize(smaller)
    return smaller


def _carry_over(old: Any, new: Any, graph: ChannelGraph, removed: set[int]) -> None:
    """Copy one layer's own variables, cut along the axes that count channels."""
    if type(old) is not type(new) or len(old._trainable_variables) != len(new._trainable_variables):
        raise UnsupportedVariantError(f"layer {old.name!r} ({type(old).__name__}) was built again as another layer")
    record = graph.layers.get(id(old))
    cuts = _cuts(record, graph, removed) if record is not None else {}
    old_variables = [*old._trainable_variables, *old._non_trainable_variables]
    new_variables = [*new._trainable_variables, *new._non_trainable_variables]
    for source, target in zip(old_variables, new_variables, strict=True):
        values = np.asarray(source.value)
        for axis, kept in cuts.get(id(source), ()):
            values = np.compress(kept, values, axis=axis)
        if values.shape != tuple(target.shape):
            raise UnsupportedVariantError(
                f"layer {old.name!r}: weight {source.name!r} is {values.shape} after the cut, its place {target.shape}"
            )
        target.assign(values)


def _cuts(
    record: LayerChannels, graph: ChannelGraph, removed: set[int]
) -> dict[int, list[tuple[int, npt.NDArray[np.bool_]]]]:
    """For each weight, by id(variable): the axes to cut and what stays along them."""
    taken = graph.channels.kept(record.taken, removed)
    made = graph.channels.kept(record.made, removed) if record.made is not None else taken
    cuts = {}
    for name, axes in record.kind.weights.items():
        variable = getattr(record.layer, name, None)
        if variable is not None:
            cuts[id(variable)] = [(axis, taken if side is Side.IN else made) for axis, side in axes]
    return cuts
