"""What a chain of steps does to dtype and shape, told without TensorFlow, so that what can't work is refused early."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from export.preprocess.schema import (
    Cast,
    CropOrPad,
    DecodeImage,
    ExpandDims,
    LookUp,
    Normalise,
    Part,
    Reshape,
    Resize,
    ReverseChannels,
)
from export.signature import Shape, TensorInfo


@dataclass(frozen=True, slots=True)
class State:
    """A tensor between two steps. shape: of one row, None for an unknown size.

    is_varying: each row has a size of its own, so rows can't lie in one tensor yet.
    """

    dtype: str
    shape: Shape
    is_varying: bool = False

    def __str__(self) -> str:
        return str(TensorInfo(self.dtype, self.shape))


class StepError(ValueError):
    """A step that doesn't fit what comes to it."""


def after(step: Part, state: State) -> State:
    """What a step makes of a tensor. Raises: StepError with the reason."""
    if isinstance(step, DecodeImage):
        return _decoded(step, state)
    if isinstance(step, LookUp):
        return _looked_up(step, state)
    if state.dtype == "string":
        raise StepError("takes numbers, and texts come to it; decode_image or look_up makes numbers of them")
    if isinstance(step, Cast):
        return replace(state, dtype=step.dtype)
    if isinstance(step, Reshape):
        return _reshaped(step, state)
    if isinstance(step, ExpandDims):
        return _expanded(step, state)
    if state.dtype == "bool":
        raise StepError("takes numbers, and bool comes to it; cast it first")
    if isinstance(step, Resize | CropOrPad):
        return _resized(step, state)
    if isinstance(step, Normalise):
        _check_channels(step, state)
    if isinstance(step, ReverseChannels):
        if not state.shape:
            raise StepError("wants channels on the last axis, and single numbers come to it")
        return state
    return replace(state, dtype="float32")  # scale, normalise


def _decoded(step: DecodeImage, state: State) -> State:
    if state.dtype != "string" or state.shape:
        raise StepError(f"takes one text of bytes a row, and {state} comes to it")
    return State("uint8", (None, None, step.channels), is_varying=True)


def _looked_up(step: LookUp, state: State) -> State:
    wants_texts = holds_texts(step)
    is_fit = state.dtype == "string" if wants_texts else "int" in state.dtype
    if not is_fit:
        wanted = "texts" if wants_texts else "whole numbers"
        raise StepError(f"its vocabulary holds {wanted}, and {state.dtype} comes to it")
    return replace(state, dtype="int64")


def holds_texts(step: LookUp) -> bool:
    """Whether the vocabulary's entries are texts; else they are whole numbers."""
    return isinstance(step.vocabulary[0], str) if step.vocabulary else step.entries == "texts"


def _resized(step: Resize | CropOrPad, state: State) -> State:
    if len(state.shape) != 3:
        raise StepError(f"takes images (height, width, channels), and {state} comes to it")
    is_soft = isinstance(step, Resize) and step.method != "nearest"
    dtype = "float32" if is_soft else state.dtype
    if isinstance(step, Resize) and step.shorter_side is not None:
        return State(dtype, (None, None, state.shape[2]), state.is_varying)
    return State(dtype, (step.height, step.width, state.shape[2]))


def _check_channels(step: Normalise, state: State) -> None:
    channels = state.shape[-1] if state.shape else 1
    for name, values in (("mean", step.mean), ("std", step.std)):
        if len(values) not in (1, channels):
            wanted = "unknown" if channels is None else str(channels)
            raise StepError(f"{name} has {len(values)} numbers; the last axis has {wanted} channels: give one, or each")


def _reshaped(step: Reshape, state: State) -> State:
    if state.is_varying or None in state.shape:
        raise StepError(f"wants a known size, and {state} comes to it; resize or crop_or_pad first")
    before = math.prod(size for size in state.shape if size is not None)
    if math.prod(step.shape) != before:
        raise StepError(f"{step.shape} holds {math.prod(step.shape)} values, and {before} come to it: {state}")
    return replace(state, shape=tuple(step.shape))


def _expanded(step: ExpandDims, state: State) -> State:
    rank = len(state.shape)
    if not -rank - 1 <= step.axis <= rank:
        raise StepError(f"axis {step.axis} isn't there; {state} takes {-rank - 1} to {rank}")
    at = positive_axis(step.axis, rank)
    return replace(state, shape=(*state.shape[:at], 1, *state.shape[at:]))


def positive_axis(axis: int, rank: int) -> int:
    """Where a new axis stands in a row of that rank, counted from 0."""
    return axis if axis >= 0 else axis + rank + 1
