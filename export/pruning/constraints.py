"""Channels of which every part must lose equally many: what grouped convolutions and group normalisation ask for.

A layer asks while the graph is walked; at the end `settle` makes the wishes of all layers into partitions that can be
kept one by one, and protects the channels of those that can't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.pruning.channels import Channels, Ids

_UNLIKE = "its groups need equally many channels each, and different layers make them"
_HELD = "its groups need equally many channels each, and some of these must stay"
_TWICE = "its groups need equally many channels each, and one channel is in several places"
_SINGLE = "each of its groups has one channel only"
_CLASH = "its groups and those of {others} cut the same channels at different places"


@dataclass(frozen=True, slots=True)
class Asked:
    """A layer's wish: of each part (channel numbers, equally many each) equally many must stay."""

    layer: str
    parts: tuple[Ids, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """Roots of which each part must lose equally many, at least one of each part staying.

    parts: disjoint, equally long, in the order of the channels; two at least. No root is protected, none is in a
    second partition, and together they are all roots that one set of layers makes: a whole pruning group.
    layers: the names of the layers that ask for it.
    """

    parts: tuple[tuple[int, ...], ...]
    layers: tuple[str, ...]


Key = tuple[int, ...]  # the layers that make a channel and all tied to it, in the order of the walk


def makers_of(channels: Channels, made: Mapping[int, Ids]) -> dict[int, Key]:
    """For each root that may go, which layers make it; made: what each layer makes, by the layer's number."""
    protected = channels.protected_roots()
    keys: dict[int, Key] = {}
    for layer, ids in made.items():
        for root in dict.fromkeys(channels.roots(ids).tolist()):
            if root not in protected:
                keys[root] = (*keys.get(root, ()), layer)
    return keys


def settle(
    channels: Channels, made: Mapping[int, Ids], asked: Sequence[Asked], protected: dict[str, str]
) -> list[Partition]:
    """Make partitions of the wishes; protect the channels of those that can't be kept, and name why in `protected`.

    A protected channel can spoil another wish, so this goes round until nothing changes.
    """
    while True:
        keys = makers_of(channels, made)
        partitions: dict[Key, Partition] = {}
        refused = False
        for wish in asked:
            parts = _by_root(channels, wish)
            free = {root for part in parts for root in part if root in keys}
            if not free:
                continue
            reason = _refusal(parts, keys)
            if reason is None and len(parts) > 1:
                key = keys[parts[0][0]]
                reason = _join(partitions, key, Partition(parts, (wish.layer,)))
            if reason is not None:
                protected.setdefault(wish.layer, reason)
                channels.protect(np.array(sorted(free), dtype=np.int64))
                refused = True
                break
        if not refused:
            return list(partitions.values())


def _by_root(channels: Channels, wish: Asked) -> tuple[tuple[int, ...], ...]:
    """The parts in roots; parts of the same roots lose equally many by themselves and count once."""
    return tuple(dict.fromkeys(tuple(channels.roots(part).tolist()) for part in wish.parts))


def _refusal(parts: tuple[tuple[int, ...], ...], keys: Mapping[int, Key]) -> str | None:
    """Why these parts can't each lose equally many channels, as far as one wish tells."""
    if len(parts) == 1:
        return None
    counts = Counter(root for part in parts for root in part)
    if max(counts.values()) > 1:
        return _TWICE
    if any(root not in keys for root in counts):
        return _HELD
    if len({keys[root] for root in counts}) > 1:
        return _UNLIKE
    if len(counts) != sum(key == keys[parts[0][0]] for key in keys.values()):
        return _UNLIKE
    return _SINGLE if len(parts[0]) == 1 else None


def _join(partitions: dict[Key, Partition], key: Key, new: Partition) -> str | None:
    """Add a partition, cutting finer where another layer asked for the same channels; return why that fails."""
    old = partitions.get(key)
    if old is None:
        partitions[key] = new
        return None
    place = {root: index for index, part in enumerate(old.parts) for root in part}
    finer: dict[tuple[int, int], list[int]] = {}
    for index, part in enumerate(new.parts):
        for root in part:
            finer.setdefault((index, place[root]), []).append(root)
    if len({len(roots) for roots in finer.values()}) > 1 or len(finer) == len(place):
        return _CLASH.format(others=", ".join(old.layers))
    parts = tuple(tuple(roots) for roots in finer.values())
    partitions[key] = Partition(parts, tuple(dict.fromkeys((*old.layers, *new.layers))))
    return None
