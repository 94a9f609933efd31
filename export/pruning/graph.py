"""Walk a Keras model and number its channels: which tensors' channels depend on which, through every layer.

Each layer numbers its channels once, however often it is called, so shared layers and nested models come out right:
every call ties what it is given to the layer's own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np

from export.pruning.channels import Channels, Ids
from export.pruning.layers import Flow, Kind, kind_of, mixes_channels
from export.servable import layer_graph


@dataclass(slots=True)
class LayerChannels:
    """A layer with weights or widths that follow channels; `taken` of its input, `made` of its output (MAKE only)."""

    layer: Any
    kind: Kind
    taken: Ids
    made: Ids | None


@dataclass(slots=True)
class ChannelGraph:
    """All channels of a model, the layers whose weights follow them, and which layers were protected and why."""

    channels: Channels = field(default_factory=Channels)
    layers: dict[int, LayerChannels] = field(default_factory=dict)  # by id(layer)
    nested: dict[int, list[Ids]] = field(default_factory=dict)  # by id(nested model): channels of its inputs
    protected: dict[str, str] = field(default_factory=dict)  # layer name -> reason


def build_graph(model: Any) -> ChannelGraph:
    """Number a functional or Sequential model's channels; its inputs and outputs are protected."""
    graph = ChannelGraph()
    inputs = []
    for tensor in model.inputs:
        ids = graph.channels.new(_width(tensor))
        graph.channels.protect(ids)
        inputs.append(ids)
    for ids in _walk(graph, model, inputs):
        graph.channels.protect(ids)
    for tensor in model.outputs:
        graph.protected.pop(tensor._keras_history.operation.name, None)  # an output's width is the caller's: no news
    return graph


def _walk(graph: ChannelGraph, model: Any, inputs: list[Ids]) -> list[Ids]:
    """Carry channel numbers through a model's nodes in order; return those of its outputs."""
    functional = layer_graph(model)
    known = {id(tensor): ids for tensor, ids in zip(functional.inputs, inputs, strict=True)}
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            taken = [(tensor, known[id(tensor)]) for tensor in node.arguments.keras_tensors]
            made = _pass_layer(graph, node.operation, taken, node.outputs)
            known.update({id(tensor): ids for tensor, ids in zip(node.outputs, made, strict=True)})
    return [known[id(tensor)] for tensor in functional.outputs]


def _pass_layer(graph: ChannelGraph, layer: Any, taken: list[tuple[Any, Ids]], outputs: list[Any]) -> list[Ids]:
    """Return the channel numbers of a layer's outputs, tying and protecting as its kind demands."""
    if hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional"):
        return _walk_nested(graph, layer, [ids for _, ids in taken])
    kind, reason = kind_of(layer)
    if kind is None:
        return _protect_all(graph, layer, taken, outputs, reason or "unknown")
    ids = [channel_ids for _, channel_ids in taken]
    match kind.flow:
        case Flow.MAKE:
            return [_make(graph, layer, kind, ids[0], outputs[0])]
        case Flow.KEEP:
            return _keep(graph, layer, kind, taken, outputs)
        case Flow.TIE:
            if any(len(other) != len(ids[0]) for other in ids):
                return _protect_all(graph, layer, taken, outputs, "it broadcasts over channels")
            for other in ids[1:]:
                graph.channels.tie(other, ids[0])
            return [ids[0]]
        case Flow.JOIN:
            if layer.axis not in (-1, len(outputs[0].shape) - 1):
                return _protect_all(graph, layer, taken, outputs, "it doesn't join along the last axis")
            return [np.concatenate(ids)]
        case Flow.FLATTEN:
            width = outputs[0].shape[-1]
            if width is None or not len(ids[0]) or width % len(ids[0]):
                return _protect_all(graph, layer, taken, outputs, "its size is not known")
            return [np.tile(ids[0], width // len(ids[0]))]
        case _:
            assert_never(kind.flow)


def _walk_nested(graph: ChannelGraph, model: Any, inputs: list[Ids]) -> list[Ids]:
    """Carry channels through a nested model; its calls bring the same channels, since its inputs have one width."""
    own = graph.nested.setdefault(id(model), inputs)
    for ids, own_ids in zip(inputs, own, strict=True):
        graph.channels.tie(ids, own_ids)
    return _walk(graph, model, inputs)


def _make(graph: ChannelGraph, layer: Any, kind: Kind, taken: Ids, output: Any) -> Ids:
    record = graph.layers.get(id(layer))
    if record is None:
        record = LayerChannels(layer, kind, taken, graph.channels.new(_width(output)))
        graph.layers[id(layer)] = record
    graph.channels.tie(taken, record.taken)
    made = record.made if record.made is not None else taken
    if (reason := mixes_channels(layer)) is not None:
        graph.protected.setdefault(layer.name, reason)
        graph.channels.protect(made)
    return made


def _keep(graph: ChannelGraph, layer: Any, kind: Kind, taken: list[tuple[Any, Ids]], outputs: list[Any]) -> list[Ids]:
    if (reason := mixes_channels(layer)) is not None:
        return _protect_all(graph, layer, taken, outputs, reason)
    ids = taken[0][1]
    if kind.weights:
        record = graph.layers.setdefault(id(layer), LayerChannels(layer, kind, ids, None))
        graph.channels.tie(ids, record.taken)
    return [ids]


def _protect_all(
    graph: ChannelGraph, layer: Any, taken: list[tuple[Any, Ids]], outputs: list[Any], reason: str
) -> list[Ids]:
    """Keep all channels that a layer takes and makes, and remember why."""
    graph.protected.setdefault(layer.name, reason)
    for _, ids in taken:
        graph.channels.protect(ids)
    made = [graph.channels.new(_width(tensor)) for tensor in outputs]
    for ids in made:
        graph.channels.protect(ids)
    return made


def _width(tensor: Any) -> int:
    """Channels of a tensor's last axis; 0 when that is the batch or open."""
    return int(tensor.shape[-1] or 0) if len(tensor.shape) > 1 else 0
