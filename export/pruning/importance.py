"""Rank channels by their weights: L1 or L2 norm (Li et al. 2017) or BatchNormalization's scale (Liu et al. 2017).

Each layer's figures are scaled to mean 1 and averaged over the layers that share a channel, so that groups compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.options import Importance
from export.pruning.channels import Ids
from export.pruning.graph import ChannelGraph, LayerChannels
from export.pruning.layers import Side

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Importance by root, and the layers ranked by the L2 norm since no BatchNormalization scales their channels."""

    by_root: dict[int, float]
    fallbacks: tuple[str, ...] = ()


def weight_scores(graph: ChannelGraph, importance: Importance) -> Scores:
    """Score every channel that a layer makes. Raises: ValueError for TAYLOR, which weights alone don't tell."""
    if importance is Importance.TAYLOR:
        raise ValueError("the Taylor importance is computed on training rows, not from weights")
    channels = graph.channels
    makers = [(record, channels.roots(record.made)) for record in graph.layers.values() if record.made is not None]
    norms = mean_by_root((roots, _relative(channel_norms(record, importance))) for record, roots in makers)
    if importance is not Importance.BN_SCALE:
        return Scores(norms)
    scales = mean_by_root(
        (channels.roots(record.taken), _relative(scale))
        for record in graph.layers.values()
        if (scale := bn_scale(record)) is not None
    )
    protected = channels.protected_roots()
    fallbacks, by_norm = [], set[int]()
    for record, roots in makers:
        removable = set(roots.tolist()) - protected
        if not removable <= scales.keys():
            fallbacks.append(str(record.layer.name))
            by_norm |= removable
    return Scores({**norms, **{root: s for root, s in scales.items() if root not in by_norm}}, tuple(fallbacks))


def channel_norms(maker: LayerChannels, importance: Importance) -> Array:
    """Norm of the weights behind each output channel, (channels,): L1 where asked for, else L2."""
    name = maker.kind.ranking_weight
    if name is None:
        raise ValueError(f"layer {maker.layer.name!r} makes channels but names no weight to rank them by")
    weight = np.asarray(getattr(maker.layer, name).value, dtype=np.float64)
    axis = next(axis for axis, side in maker.kind.weights[name] if side is Side.OUT)
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    if importance is Importance.L1:
        return np.asarray(np.abs(rows).sum(axis=1))
    return np.asarray(np.sqrt((rows**2).sum(axis=1)))


def bn_scale(record: LayerChannels) -> Array | None:
    """|gamma| of each channel a BatchNormalization takes, (channels,); None for other layers and without a scale."""
    gamma = getattr(record.layer, "gamma", None)
    if type(record.layer).__name__ != "BatchNormalization" or gamma is None:
        return None
    return np.abs(np.asarray(gamma.value, dtype=np.float64))


def mean_by_root(figures: Iterable[tuple[Ids, Array]]) -> dict[int, float]:
    """Average figures of channels, given as (root of each channel, figure of each), by root."""
    sums: dict[int, tuple[float, int]] = {}
    for roots, values in figures:
        for root, value in zip(roots.tolist(), values.tolist(), strict=True):
            total, count = sums.get(root, (0.0, 0))
            sums[root] = (total + value, count + 1)
    return {root: total / count for root, (total, count) in sums.items()}


def _relative(figures: Array) -> Array:
    return np.asarray(figures / max(float(figures.mean()), 1e-12))
