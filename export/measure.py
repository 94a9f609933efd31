"""Measure a written SavedModel in the runtime that serves it: size, accuracy, latency in turns with a baseline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.data import Split
from export.runtime import Array, ServedModel
from export.sample import sample_rows
from export.signature import Signature

LATENCY_ROWS = (1, 32)
MAX_ROUNDS = 200
MIN_ROUNDS = 7
BUDGET_S = 1.0  # for one batch size, all models together
_ACCURACY_ROWS = 256  # rows of one call while measuring accuracy


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of held-out rows answered right; `ratio` is None with the reason in words."""

    ratio: float | None
    rows: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Median microseconds of one call of `rows` rows; the baseline's too when both were measured in turns."""

    rows: int
    median_us: float
    baseline_median_us: float | None


def size_on_disk(version_dir: Path) -> int:
    """Bytes of what a server loads: graph, variables and assets, without warm-up records and reports."""
    files = [version_dir / "saved_model.pb"]
    for folder in ("variables", "assets"):
        files += [path for path in (version_dir / folder).rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


def measure_accuracy(served: ServedModel, split: Split | None) -> Accuracy:
    """Share of rows whose class is right: the highest of several scores, or one score from 0.5 on."""
    if split is None:
        return Accuracy(None, 0, "no --data given")
    outputs = list(served.signature.outputs.items())
    if len(outputs) != 1 or len(outputs[0][1].shape) not in (1, 2):
        return Accuracy(None, 0, "accuracy needs one output of shape (rows, classes) or (rows,)")
    alias = outputs[0][0]
    rows = len(split.labels)
    right = 0
    for start in range(0, rows, _ACCURACY_ROWS):
        part = {name: values[start : start + _ACCURACY_ROWS] for name, values in split.inputs.items()}
        classes = predicted_classes(served.predict(part)[alias])
        right += int((classes == split.labels[start : start + _ACCURACY_ROWS]).sum())
    return Accuracy(right / rows, rows)


def predicted_classes(scores: Array) -> Array:
    """Classes (rows,) of scores (rows, classes), or of one score a row: 1 from 0.5 on."""
    if scores.ndim == 2 and scores.shape[1] > 1:
        return np.asarray(scores.argmax(axis=1))
    return (scores.reshape(len(scores)) >= 0.5).astype(np.int64)


def measure_latency(
    version_dir: Path, baseline_dir: Path | None, signature: Signature, data: Mapping[str, Array] | None
) -> list[Latency]:
    """Time single calls, variant and baseline in turns so that the machine's noise meets both alike.

    On one thread an operation where `start_tensorflow` started TensorFlow, as the command line does.
    """
    found = []
    with ServedModel(version_dir) as variant:
        models = [variant]
        if baseline_dir is not None:
            models.append(ServedModel(baseline_dir))
        try:
            for rows in LATENCY_ROWS:
                inputs = sample_rows(signature, rows, data)
                medians = _medians_us([model.prepared(inputs) for model in models])
                found.append(Latency(rows, medians[0], medians[1] if baseline_dir is not None else None))
        finally:
            for model in models[1:]:
                model.__exit__(None, None, None)
    return found


def _medians_us(calls: Sequence[tuple[Any, list[Array]]]) -> list[float]:
    """Median microseconds of each call, rounds in turns, for at most BUDGET_S (but MIN_ROUNDS rounds at least)."""
    times: list[list[float]] = [[] for _ in calls]
    for run, values in calls:
        run(*values)
    stop = time.perf_counter() + BUDGET_S
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() > stop:
            break
        for index in range(len(calls)):
            place = (index + done) % len(calls)  # no model is always first after the other
            run, values = calls[place]
            started = time.perf_counter()
            run(*values)
            times[place].append(time.perf_counter() - started)
    return [round(statistics.median(one) * 1e6, 1) for one in times]
