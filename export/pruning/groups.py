"""Groups of channels made by the same layers: how many of each may stay, and which go first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from export.options import Importance, PruneSpec
from export.pruning.constraints import makers_of
from export.pruning.graph import ChannelGraph
from export.pruning.importance import weight_scores

MULTIPLE = 16  # widths of whole vector registers; training 8-wide convolutions corrupts the heap in oneDNN
_ANY_WIDTH = frozenset({"Dense", "Embedding"})  # run well at any width where they are narrow


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that the same layers make, so that cutting them leaves each of these layers enough.

    parts: roots (one number a set of tied channels) by partition, all equally long: a grouped convolution or
    GroupNormalization needs as many channels in each part; one part where nothing asks for that.
    keep: how many roots stay, as many of each part. step: widths that may stay are multiples of it.
    """

    layers: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]
    keep: int
    step: int

    @property
    def roots(self) -> tuple[int, ...]:
        return tuple(root for part in self.parts for root in part)

    @property
    def width(self) -> int:
        return sum(len(part) for part in self.parts)


def prunable_groups(graph: ChannelGraph, ratio: float, multiple: int = MULTIPLE) -> list[Group]:
    """Group the channels that may go by the layers that make them; `keep` takes the same share of each.

    The order is that of the layers, so that a cut model's groups come as those of the model it was cut from.
    """
    made = {place: record.made for place, record in enumerate(graph.layers.values()) if record.made is not None}
    roots_of: dict[tuple[int, ...], list[int]] = {}
    for root, key in makers_of(graph.channels, made).items():
        roots_of.setdefault(key, []).append(root)
    parted = {partition.parts[0][0]: partition.parts for partition in graph.partitions}
    records = list(graph.layers.values())
    found = []
    for key, roots in sorted(roots_of.items()):
        layers = [records[place].layer for place in key]
        is_dense = all(type(layer).__name__ in _ANY_WIDTH for layer in layers)
        parts = next((parted[root] for root in roots if root in parted), (tuple(roots),))
        step = width_step(len(roots), is_dense, multiple, len(parts))
        keep = kept_count(len(roots), ratio, step)
        found.append(Group(tuple(sorted(layer.name for layer in layers)), parts, keep, step))
    return found


def width_step(count: int, is_dense: bool, multiple: int = MULTIPLE, parts: int = 1) -> int:
    """What the width that stays of `count` is a multiple of: `multiple`, and two channels of each part, if several.

    A part of one channel would be normalised to nothing, or make a grouped convolution a depthwise one.
    Groups of less than two multiples that only Dense or Embedding make may keep any width: no multiple lies between.
    """
    equal = 2 * parts if parts > 1 else 1
    return equal if is_dense and count < 2 * multiple else math.lcm(multiple, equal)


def kept_count(count: int, ratio: float, step: int) -> int:
    """How many of `count` stay: the share, rounded to a multiple of `step`, at least one step, never more than all."""
    if ratio == 0:
        return count
    return min(count, max(step, round(count * (1 - ratio) / step) * step))


def removal_order(group: Group, scores: Mapping[int, float]) -> list[tuple[int, ...]]:
    """The group's roots from least to most important, one of each part at a time."""
    ranked = [sorted(part, key=lambda root: (scores[root], root)) for part in group.parts]
    return list(zip(*ranked, strict=True))


def least_important(groups: Sequence[Group], scores: Mapping[int, float]) -> set[int]:
    """The roots to remove so that `keep` of each group stay, as many of each part."""
    removed: set[int] = set()
    for group in groups:
        rows = (group.width - group.keep) // len(group.parts)
        removed.update(root for row in removal_order(group, scores)[:rows] for root in row)
    return removed


def removed_roots(
    graph: ChannelGraph, groups: Sequence[Group], spec: PruneSpec, scores: Mapping[int, float] | None = None
) -> set[int]:
    """The least important channels of each group, by `scores` or else by the weights.

    Raises: ValueError for Importance.TAYLOR without scores, which only training rows can give.
    """
    if scores is None:
        if spec.importance is Importance.TAYLOR:
            raise ValueError("the Taylor importance needs scores computed on training rows")
        scores = weight_scores(graph, spec.importance).by_root
    return least_important(groups, scores)
