"""Walk a Keras model and number its channels: which tensors' channels depend on which, through every layer.

Each layer numbers its channels once, however often it is called, so shared layers and nested models come out right:
every call ties what it is given to the layer's own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from export.errors import UnsupportedVariantError
from export.pruning.channels import Channels, Ids
from export.pruning.constraints import Asked, Partition, settle
from export.pruning.layers import CELL, RECURRENT, Flow, Kind, Side, cells_of, kind_of, mixes_channels
from export.pruning.operations import operation_kind
from export.pruning.passing import joined, listed, reshaped, row_length, tied, width
from export.rebuild import opaque
from export.servable import layer_graph


@dataclass(slots=True)
class LayerChannels:
    """A layer with weights or sizes that follow channels.

    taken: of its input; empty where the input has none (Embedding). made: of its output, for MAKE
    only, and not for a recurrent layer's cell, whose units always stay. given: of its
    output, where its configuration names that width though it makes no channels (Reshape).
    """

    layer: Any
    kind: Kind
    taken: Ids
    made: Ids | None = None
    given: Ids | None = None


@dataclass(slots=True)
class ChannelGraph:
    """All channels of a model, the layers whose weights follow them, and which layers were protected and why.

    partitions: channels that a cut must take in equal numbers; see constraints.py for what is promised of them.
    """

    channels: Channels = field(default_factory=Channels)
    layers: dict[int, LayerChannels] = field(default_factory=dict)  # by id(layer)
    nested: dict[int, list[Ids]] = field(default_factory=dict)  # by id(nested model): channels of its inputs
    protected: dict[str, str] = field(default_factory=dict)  # layer name -> reason
    partitions: list[Partition] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)  # what the partitions are made of

    def kept(self, record: LayerChannels, removed: set[int]) -> dict[Side, npt.NDArray[np.bool_]]:
        """Which channels of a layer stay when those roots go, for each side."""
        taken = self.channels.kept(record.taken, removed)
        made = record.made if record.made is not None else record.given
        return {
            Side.IN: taken,
            Side.OUT: self.channels.kept(made, removed) if made is not None else taken,
            Side.REPEATED: np.repeat(taken, record.kind.multiplier),
        }


def build_graph(model: Any) -> ChannelGraph:
    """Number a functional or Sequential model's channels; its inputs and outputs are protected.

    Raises: UnsupportedVariantError for a model whose layers can't be seen.
    """
    if (reason := opaque(model)) is not None:
        raise UnsupportedVariantError(
            f"model {model.name!r} can't be pruned: {reason}. Build it from layers as a Sequential or functional model"
        )
    graph = ChannelGraph()
    inputs = [_fresh_protected(graph, tensor) for tensor in model.inputs]
    for ids in _walk(graph, model, inputs):
        graph.channels.protect(ids)
    made = {key: record.made for key, record in graph.layers.items() if record.made is not None}
    graph.partitions = settle(graph.channels, made, graph.asked, graph.protected)
    for tensor in model.outputs:
        name = tensor._keras_history.operation.name
        if graph.protected.get(name, "").endswith("mixes channels"):
            del graph.protected[name]  # an output's width is the caller's: no news
    return graph


def _walk(graph: ChannelGraph, model: Any, inputs: list[Ids]) -> list[Ids]:
    """Carry channel numbers through a model's nodes in order; return those of its outputs."""
    functional = layer_graph(model)
    known = {id(tensor): ids for tensor, ids in zip(functional.inputs, inputs, strict=True)}
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            taken = [known[id(tensor)] for tensor in node.arguments.keras_tensors]
            given = _pass_node(graph, node, taken)
            known.update({id(tensor): ids for tensor, ids in zip(node.outputs, given, strict=True)})
    return [known[id(tensor)] for tensor in functional.outputs]


def _pass_node(graph: ChannelGraph, node: Any, taken: list[Ids]) -> list[Ids]:
    """Return the channel numbers of a call's outputs, tying as its kind demands; protect what can't be followed."""
    import keras

    layer = node.operation
    if isinstance(layer, keras.Model) and opaque(layer) is None:
        return _pass_nested(graph, layer, node, taken)
    if cells := cells_of(layer):
        return _pass_cells(graph, cells, node, taken)
    shape = tuple(node.arguments.keras_tensors[0].shape) if node.arguments.keras_tensors else ()
    if not isinstance(layer, keras.Layer):
        given: Ids | str = _pass_kind(graph, layer, operation_kind(layer, node.arguments, shape), taken, node)
    else:
        if type(layer) is keras.layers.TimeDistributed:
            layer, shape = layer.layer, (shape[0], *shape[2:])  # the layer inside is given rows without the steps
        given = _pass_kind(graph, layer, kind_of(layer, shape), taken, node)
    if not isinstance(given, str) and len(node.outputs) == 1 and len(given) == width(node.outputs[0].shape):
        return [given]
    reason = given if isinstance(given, str) else "its result is not as wide as its channels"
    makers = _makers(graph, taken)
    if getattr(layer, "trainable_variables", None) or makers:  # what works on inputs and masks holds nothing back
        more = "" if isinstance(layer, keras.Layer) else f"; it keeps {listed(makers)} whole"  # `matmul_1` tells little
        graph.protected.setdefault(node.operation.name, reason + more)
    for ids in taken:
        graph.channels.protect(ids)
    return [_fresh_protected(graph, tensor) for tensor in node.outputs]


def _pass_nested(graph: ChannelGraph, model: Any, node: Any, taken: list[Ids]) -> list[Ids]:
    """Carry channels through a nested model; its calls bring the same channels, since its inputs have one width."""
    own = graph.nested.setdefault(id(model), [graph.channels.new(width(tensor.shape)) for tensor in model.inputs])
    if [len(ids) for ids in own] == [len(ids) for ids in taken] and _same_order(model, node):
        for ids, own_ids in zip(taken, own, strict=True):
            graph.channels.tie(ids, own_ids)
    else:
        graph.protected.setdefault(model.name, "its inputs are given in another order or form than its own")
        for ids in [*taken, *own]:
            graph.channels.protect(ids)
    return _walk(graph, model, own)


def _pass_cells(graph: ChannelGraph, cells: list[Any], node: Any, taken: list[Ids]) -> list[Ids]:
    """A recurrent layer: what it takes may go, its own units stay, and masks and states given to it."""
    graph.protected.setdefault(node.operation.name, RECURRENT)
    for cell in cells:
        record = graph.layers.setdefault(id(cell), LayerChannels(cell, CELL, taken[0]))
        graph.channels.tie(taken[0], record.taken)
    for ids in taken[1:]:
        graph.channels.protect(ids)
    return [_fresh_protected(graph, tensor) for tensor in node.outputs]


def _same_order(model: Any, node: Any) -> bool:
    """Whether a call gives a nested model its inputs in the structure it was built with."""
    import keras

    if len(model.inputs) == 1:
        return True
    try:
        keras.tree.assert_same_structure(node.arguments.args[0], layer_graph(model)._inputs_struct)
    except (ValueError, TypeError, IndexError):  # how keras.tree and a call by keyword say no
        return False
    return True


def _pass_kind(graph: ChannelGraph, layer: Any, kind: Kind | str, taken: list[Ids], node: Any) -> Ids | str:
    """Return the channel numbers of the one output of a layer or operation, or why they can't be followed."""
    if isinstance(kind, str):
        return kind
    rank = len(node.outputs[0].shape) - (layer is not node.operation)
    if kind.flow is Flow.TIE:
        return tied(graph.channels, taken)
    if kind.flow is Flow.JOIN:
        return joined(graph.channels, taken, layer.axis, rank)
    for ids in taken[1:]:  # a mask or another extra
        graph.channels.protect(ids)
    reason = mixes_channels(layer, rank)
    match kind.flow:
        case Flow.MAKE:
            made = _make(graph, layer, kind, taken[0], width(node.outputs[0].shape))
            if reason is not None:
                graph.protected.setdefault(layer.name, reason)
                graph.channels.protect(made)
            return made
        case Flow.KEEP:
            return reason if reason is not None else _keep(graph, layer, kind, taken[0])
        case Flow.RESHAPE:
            return _reshape(graph, layer, kind, taken[0], width(node.outputs[0].shape))
        case _:
            assert_never(kind.flow)


def _make(graph: ChannelGraph, layer: Any, kind: Kind, taken: Ids, made_width: int) -> Ids:
    follows = any(side is not Side.OUT for axes in kind.weights.values() for _, side in axes) or kind.grouped
    if not follows:  # Embedding: what it is given are positions, not channels
        graph.channels.protect(taken)
        taken = graph.channels.new(0)
    record = graph.layers.get(id(layer))
    if record is None:
        record = LayerChannels(layer, kind, taken, graph.channels.new(made_width))
        graph.layers[id(layer)] = record
        if kind.grouped:
            _ask(graph, layer, kind, record.taken, record.made)
    graph.channels.tie(taken, record.taken)
    return record.made if record.made is not None else taken


def _keep(graph: ChannelGraph, layer: Any, kind: Kind, taken: Ids) -> Ids:
    if kind.weights or kind.sizes or kind.groups > 1:
        record = graph.layers.get(id(layer))
        if record is None:
            record = graph.layers[id(layer)] = LayerChannels(layer, kind, taken)
            _ask(graph, layer, kind, taken)
        graph.channels.tie(taken, record.taken)
    return np.repeat(taken, kind.multiplier)


def _reshape(graph: ChannelGraph, layer: Any, kind: Kind, taken: Ids, given_width: int) -> Ids | str:
    """Flatten needs no new size; Reshape names the length of its rows, one for all its calls."""
    given = reshaped(graph.channels, taken, given_width)
    if type(layer).__name__ != "Reshape" or row_length(layer.get_config()) == -1:
        return given
    named = graph.channels.new(given_width)
    record = graph.layers.setdefault(id(layer), LayerChannels(layer, kind, taken, given=named))
    own = record.given if record.given is not None else named
    if isinstance(given, str) or len(given) != len(own):
        graph.channels.protect(own)
    else:
        graph.channels.tie(given, own)
    return given


def _ask(graph: ChannelGraph, layer: Any, kind: Kind, *sides: Ids | None) -> None:
    for ids in sides:
        if kind.groups > 1 and ids is not None:
            graph.asked.append(Asked(layer.name, tuple(ids.reshape(kind.groups, -1))))


def _makers(graph: ChannelGraph, taken: list[Ids]) -> list[str]:
    """The layers that make any of these channels, in the order of the walk."""
    given = {root for ids in taken for root in graph.channels.roots(ids).tolist()}
    made = [(str(record.layer.name), record.made) for record in graph.layers.values() if record.made is not None]
    return [name for name, ids in made if not given.isdisjoint(graph.channels.roots(ids).tolist())]


def _fresh_protected(graph: ChannelGraph, tensor: Any) -> Ids:
    ids = graph.channels.new(width(tensor.shape))
    graph.channels.protect(ids)
    return ids
