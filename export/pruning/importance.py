"""Rank channels by the norm of the weights that make them (L1 or L2), each layer scaled to mean 1 (Li et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from export.options import Importance
from export.pruning.channels import Channels
from export.pruning.graph import LayerChannels
from export.pruning.layers import Side


def root_scores(channels: Channels, makers: Sequence[LayerChannels], importance: Importance) -> dict[int, float]:
    """Score of each root: the sum, over the layers that make its channels, of norms relative to the layer's mean."""
    scores: dict[int, float] = {}
    for maker in makers:
        if maker.made is None:
            continue
        norms = channel_norms(maker, importance)
        relative = norms / max(float(norms.mean()), 1e-12)
        for root, score in zip(channels.roots(maker.made).tolist(), relative.tolist(), strict=True):
            scores[root] = scores.get(root, 0.0) + score
    return scores


def channel_norms(maker: LayerChannels, importance: Importance) -> npt.NDArray[np.float64]:
    """Norm of the weights behind each output channel, (channels,)."""
    name = maker.kind.ranking_weight
    if name is None:
        raise ValueError(f"layer {maker.layer.name!r} makes channels but names no weight to rank them by")
    weight = np.asarray(getattr(maker.layer, name).value, dtype=np.float64)
    axis = next(axis for axis, side in maker.kind.weights[name] if side is Side.OUT)
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    match importance:
        case Importance.L1:
            return np.asarray(np.abs(rows).sum(axis=1))
        case Importance.L2:
            return np.asarray(np.sqrt((rows**2).sum(axis=1)))
        case _:
            assert_never(importance)
