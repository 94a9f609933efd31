"""Latency of a Keras model as it will be served: written as a SavedModel, run in turns with the model it comes from."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from export.gate.timing import time_calls
from export.runtime import Array, ServedModel
from export.servable import servable_from_keras
from export.writer import write_saved_model

BATCH_ROWS = 32


class Stopwatch:
    """Holds the first model loaded and measures others against it; a context manager that owns session and folder."""

    def __init__(self, model: Any, inputs: Mapping[str, Array]) -> None:
        """inputs: training rows by alias, of which a batch of BATCH_ROWS is run."""
        self._inputs = inputs
        self._folder = tempfile.TemporaryDirectory(prefix="latency-")
        self._first = _load(model, Path(self._folder.name) / "first")

    def ratio(self, model: Any) -> float:
        """Latency of a batch of BATCH_ROWS as a share of the first model's: the median over calls side by side."""
        with tempfile.TemporaryDirectory(dir=self._folder.name) as name, _load(model, Path(name) / "cut") as served:
            first, cut = time_calls([self._first, served], BATCH_ROWS, self._inputs)
        return statistics.median(ours / theirs for ours, theirs in zip(cut, first, strict=True))

    def __enter__(self) -> Stopwatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._first.__exit__(kind, error, tb)
        self._folder.cleanup()


def _load(model: Any, folder: Path) -> ServedModel:
    write_saved_model(servable_from_keras(model), folder)
    return ServedModel(folder)
