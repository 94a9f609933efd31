"""Trace recurrent layers step by step instead of as a loop, which no quantizer can convert with an open batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from export.errors import UnsupportedVariantError

# Each step of each layer becomes operations of its own; beyond this, files and conversion grow out of hand.
MAX_STEPS = 1024


def loops(model: Any) -> list[Any]:
    """The recurrent layers of a Keras model that would be traced as loops; none for a SavedModel (None)."""
    if model is None:
        return []
    return [layer for layer in model._flatten_layers() if getattr(layer, "unroll", None) is False]


@contextlib.contextmanager
def unrolled(model: Any) -> Iterator[None]:
    """Within, a call of the model unrolls its recurrent layers.

    Raises: UnsupportedVariantError naming layers whose number of steps is open, or too many steps to unroll.
    """
    layers = loops(model)
    _refuse(layers)
    for layer in layers:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in layers:
            layer.unroll = False


def _refuse(layers: list[Any]) -> None:
    steps = {layer.name: _steps(layer) for layer in layers}
    if unknown := sorted(name for name, count in steps.items() if count is None):
        raise UnsupportedVariantError(
            f"layer {', '.join(unknown)}: its number of time steps is open, so it can't be unrolled, and loops can't "
            "be quantized. Fix it with Input((steps, features)), or use bfloat16 or float16"
        )
    total = sum(count or 0 for count in steps.values())
    if total > MAX_STEPS:
        raise UnsupportedVariantError(
            f"layer {', '.join(sorted(steps))}: {total} time steps in all; loops can't be quantized, and unrolling is "
            f"bounded at {MAX_STEPS} steps. Use bfloat16 or float16"
        )


def _steps(layer: Any) -> int | None:
    """The time dimension of the input a recurrent layer was built with; None when it is open."""
    shape = (layer.get_build_config() or {}).get("input_shape")
    return shape[1] if shape is not None else None
