"""How channels pass through what makes none: operations on several tensors, and values put in rows of another length.

Each function returns the channel numbers that come out, or a reason why they can't be followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from export.pruning.channels import Channels, Ids
from export.pruning.layers import Shape


def width(shape: Shape) -> int:
    """Channels of a tensor's last axis; 0 when that is the batch or open."""
    return int(shape[-1] or 0) if len(shape) > 1 else 0


def row_length(config: Mapping[str, Any]) -> int:
    """What the configuration of a Reshape, layer or operation, says of its last axis; -1 for what is left over."""
    return int(config["target_shape" if "target_shape" in config else "newshape"][-1])


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names of what may be many."""
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")


def tied(channels: Channels, inputs: Sequence[Ids]) -> Ids | str:
    """Combine channel i of every input with channel i of the others; one of width 1 meets all channels, and stays."""
    widest = max(inputs, key=len)
    if any(len(ids) not in (1, len(widest)) for ids in inputs):
        return "its inputs' channels don't meet one by one"
    for ids in inputs:
        if len(ids) == len(widest):
            channels.tie(ids, widest)
        else:
            channels.protect(ids)
    return widest


def joined(channels: Channels, inputs: Sequence[Ids], axis: int, rank: int) -> Ids | str:
    """Put channels side by side, or, when another axis is joined, tie them."""
    if any(len(ids) == 0 for ids in inputs):
        return "the width of its inputs is not known"
    if axis in (-1, rank - 1):
        return np.concatenate(list(inputs))
    for ids in inputs[1:]:
        channels.tie(ids, inputs[0])
    return inputs[0]


def reshaped(channels: Channels, ids: Ids, given_width: int) -> Ids | str:
    """Follow channels into rows of another length, the order of all values unchanged.

    Value n of an example belongs to channel n mod width. Longer rows hold whole channel sets, one after the other;
    shorter ones hold channel i, i + given_width, ... in one place, so these stay or go together.
    """
    if not len(ids) or not given_width:
        return "its size is not known"
    if given_width % len(ids) == 0:
        return np.tile(ids, given_width // len(ids))
    if len(ids) % given_width or given_width == 1:
        return f"it puts {len(ids)} channels into rows of {given_width}, so they don't stay apart"
    rows = ids.reshape(-1, given_width)
    for row in rows[1:]:
        channels.tie(row, rows[0])
    first: Ids = rows[0]
    return first
