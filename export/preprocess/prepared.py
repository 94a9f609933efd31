"""One extra signature as the writer needs it: what callers send, and how it becomes the model's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.signature import TensorInfo

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """One signature besides `serving_default`.

    inputs: what callers send, by alias; those the spec doesn't mention are the model's own.
    prepare: tensors by those aliases to tensors by the model's aliases; row by row, so callers can share a batch.
    resources: look-up tables that TensorFlow must save with the graph.
    samples: makes plausible raw rows of the inputs that the spec mentions, each (rows, *features).
    encoded: the inputs that are encoded images, where bytes that are none must fail the call.
    """

    inputs: Mapping[str, TensorInfo]
    prepare: Callable[[Mapping[str, Any]], dict[str, Any]]
    resources: tuple[Any, ...]
    samples: Callable[[int, np.random.Generator], dict[str, Array]]
    encoded: tuple[str, ...]


def raw_rows(extra: Preprocess, rows: int, plain: Mapping[str, Array], seed: int = 0) -> dict[str, Array]:
    """Make one call's inputs: raw rows for what the spec mentions, `plain` (by the model's aliases) for the rest."""
    made = extra.samples(rows, np.random.default_rng(seed))
    return {alias: made[alias] if alias in made else plain[alias] for alias in extra.inputs}
