"""Cut: build the model again with smaller widths, and carry over the weights of the channels that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import UnsupportedVariantError
from export.pruning.graph import ChannelGraph, LayerChannels
from export.pruning.layers import Flow, Side
from export.rebuild import finalize, rebuild

# Where the configuration of a wrapper holds those of the layers inside, and the attributes that hold these layers.
_WRAPPED = {
    "TimeDistributed": {"layer": "layer"},
    "Bidirectional": {"layer": "forward_layer", "backward_layer": "backward_layer"},
}
Kept = dict[Side, npt.NDArray[np.bool_]]
Array = npt.NDArray[Any]


def cut_model(model: Any, graph: ChannelGraph, removed: set[int]) -> Any:
    """Return a smaller model without the removed channels; with none removed, an exact copy.

    Raises: UnsupportedVariantError when Keras can't build the model again, or a weight has an unexpected shape.
    """

    def edit(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
        return edited(layer, config, graph, removed)

    def nested_widths(nested: Any) -> list[int] | None:
        inputs = graph.nested.get(id(nested))
        return None if inputs is None else [int(graph.channels.kept(ids, removed).sum()) for ids in inputs]

    smaller = rebuild(model, edit, nested_widths)
    old_layers, new_layers = list(model._flatten_layers()), list(smaller._flatten_layers())
    if len(old_layers) != len(new_layers):
        raise UnsupportedVariantError(
            f"model {model.name!r} has {len(old_layers)} layers and was built again with {len(new_layers)}: a layer "
            "inside a wrapper is used elsewhere too, which its configuration doesn't tell. Give each its own layer"
        )
    for old, new in zip(old_layers, new_layers, strict=True):
        _carry_over(old, new, graph, removed)
    finalize(smaller)
    return smaller


def edited(layer: Any, config: dict[str, Any], graph: ChannelGraph, removed: set[int]) -> dict[str, Any]:
    """The configuration of a layer or operation with the sizes that stay; of a wrapper, with that of the layers inside.

    Initial values are left out where the layer is cut: every weight is given its value, and a constant of the old
    shape wouldn't fit.
    """
    for key, attribute in _WRAPPED.get(type(layer).__name__, {}).items():
        inner = {name: value for name, value in config[key].items() if name != "build_config"}  # of the old width
        inner["config"] = edited(getattr(layer, attribute), inner["config"], graph, removed)
        config = {**config, key: inner}
    record = graph.layers.get(id(layer))
    if record is None or not removed:
        return config
    kept = graph.kept(record, removed)
    if record.kind.flow is Flow.RESHAPE:
        key = "target_shape" if "target_shape" in config else "newshape"
        return {**config, key: (*config[key][:-1], int(kept[Side.OUT].sum()))}
    plain = {key: "zeros" for key, value in config.items() if key.endswith("_initializer") and value is not None}
    sizes = {key: int(kept[side].sum()) for key, side in record.kind.sizes.items()}
    return {**config, **plain, **sizes}


def _carry_over(old: Any, new: Any, graph: ChannelGraph, removed: set[int]) -> None:
    """Copy one layer's own variables, cut along the axes that count channels."""
    if type(old) is not type(new) or len(old._trainable_variables) != len(new._trainable_variables):
        raise UnsupportedVariantError(f"layer {old.name!r} ({type(old).__name__}) was built again as another layer")
    record = graph.layers.get(id(old))
    names = {} if record is None else weight_names(record)
    kept = {} if record is None else graph.kept(record, removed)
    old_variables = [*old._trainable_variables, *old._non_trainable_variables]
    new_variables = [*new._trainable_variables, *new._non_trainable_variables]
    for source, target in zip(old_variables, new_variables, strict=True):
        values = np.asarray(source.value)
        if record is not None and id(source) in names:
            values = cut_weight(record, names[id(source)], values, kept)
        if values.shape != tuple(target.shape):
            raise UnsupportedVariantError(
                f"layer {old.name!r}: weight {source.name!r} is {values.shape} after the cut, its place {target.shape}"
            )
        target.assign(values)


def weight_names(record: LayerChannels) -> dict[int, str]:
    """The names of a layer's weights that follow channels, by id(variable)."""
    found = {name: getattr(record.layer, name, None) for name in record.kind.weights}
    return {id(variable): name for name, variable in found.items() if variable is not None}


def cut_weight(record: LayerChannels, name: str, values: Array, kept: Kept) -> Array:
    """One weight without the channels that go."""
    if record.kind.grouped and name == "kernel":
        return _cut_grouped(values, kept[Side.IN], kept[Side.OUT], record.kind.groups)
    for axis, side in record.kind.weights[name]:
        values = np.compress(kept[side], values, axis=axis)
    return values


def _cut_grouped(kernel: Array, taken: Array, made: Array, groups: int) -> Array:
    """Cut the kernel of a grouped convolution, (*window, channels in of one group, channels out of all), by group.

    Each group may lose other channels in, but as many as the others.
    """
    blocks = zip(
        np.split(kernel, groups, axis=-1), taken.reshape(groups, -1), made.reshape(groups, -1), strict=True
    )  # fmt: skip
    return np.concatenate([block[..., rows, :][..., columns] for block, rows, columns in blocks], axis=-1)
