"""Choose what goes: groups of channels made by the same layers, each cut by the ratio to a width that runs well."""

from __future__ import annotations

from dataclasses import dataclass

from export.options import PruneSpec
from export.pruning.graph import ChannelGraph, LayerChannels
from export.pruning.importance import root_scores

MULTIPLE = 16  # widths of whole vector registers; training 8-wide convolutions corrupts the heap in oneDNN


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that the same layers make, so that cutting them leaves each of these layers enough.

    roots: one number a set of tied channels; keep: how many of them stay.
    """

    layers: tuple[str, ...]
    roots: tuple[int, ...]
    keep: int


def prunable_groups(graph: ChannelGraph, ratio: float) -> list[Group]:
    """Group the channels that may go by the layers that make them, and say how many of each stay."""
    protected = graph.channels.protected_roots()
    makers: dict[int, list[LayerChannels]] = {}
    for record in graph.layers.values():
        if record.made is None:
            continue
        for root in graph.channels.roots(record.made).tolist():
            makers.setdefault(root, []).append(record)
    groups: dict[tuple[int, ...], list[int]] = {}
    for root, records in makers.items():
        key = tuple(sorted(id(record.layer) for record in records))
        # A root twice in one layer (a tensor added to its own other half) would cut that layer by two at a time.
        if root not in protected and len(set(key)) == len(key):
            groups.setdefault(key, []).append(root)
    found = []
    for key, roots in groups.items():
        layers = [graph.layers[layer_id].layer for layer_id in key]
        is_dense = all(type(layer).__name__ == "Dense" for layer in layers)
        keep = kept_count(len(roots), ratio, is_dense)
        found.append(Group(tuple(sorted(layer.name for layer in layers)), tuple(roots), keep))
    return found


def kept_count(count: int, ratio: float, is_dense: bool) -> int:
    """Channels that stay of `count`: the share, rounded to a multiple of 16; convolutions keep at least 16.

    Groups of less than 32 units of Dense layers are cut to the share itself, since no multiple lies between.
    """
    if ratio == 0:
        return count
    share = count * (1 - ratio)
    if is_dense and count < 2 * MULTIPLE:
        return max(1, round(share))
    return min(count, max(MULTIPLE, round(share / MULTIPLE) * MULTIPLE))


def removed_roots(graph: ChannelGraph, groups: list[Group], spec: PruneSpec) -> set[int]:
    """The least important channels of each group."""
    scores = root_scores(graph.channels, list(graph.layers.values()), spec.importance)
    removed: set[int] = set()
    for group in groups:
        ranked = sorted(group.roots, key=lambda root: (scores[root], root))
        removed.update(ranked[: len(group.roots) - group.keep])
    return removed
