"""`export.json`: what a version is, where it came from, and what was measured; beside the SavedModel it speaks of."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.measure import Accuracy, Latency
from export.options import ExportOptions
from export.signature import Signature

FORMAT_VERSION = 1
MANIFEST_NAME = "export.json"
_TOOLS = ("tidegate", "tensorflow", "keras", "numpy")


@dataclass(frozen=True, slots=True)
class Measured:
    """One SavedModel's figures. parameters: weights, None when the source doesn't say."""

    size_bytes: int
    parameters: int | None
    accuracy: Accuracy


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known of an exported version; `baseline` is the float32 source where one was measured."""

    version: int
    source_sha256: str
    signature: Signature
    frozen: bool
    measured: Measured
    baseline: Measured | None
    latencies: Sequence[Latency]
    pruning: dict[str, object] | None
    warmup_batch_sizes: Sequence[int]
    notes: Sequence[str]


def manifest(options: ExportOptions, outcome: Outcome) -> dict[str, object]:
    """Build the content of export.json; docs/export.md describes every key."""
    return {
        "format_version": FORMAT_VERSION,
        "name": options.name,
        "version": outcome.version,
        "source": {"file": options.model_path.name, "sha256": outcome.source_sha256},
        "variant": {
            "precision": options.precision.value,
            "prune": str(options.prune) if options.prune else None,
            "frozen": outcome.frozen,
        },
        "signature": outcome.signature.as_json(),
        **_figures(outcome.measured),
        "baseline": _figures(outcome.baseline) if outcome.baseline else None,
        "latency": {f"batch_{latency.rows}": _latency(latency) for latency in outcome.latencies},
        "pruning": outcome.pruning,
        "batching": {
            "max_batch_size": options.max_batch_size,
            "allowed_batch_sizes": list(options.allowed_batch_sizes),
            "warmup_batch_sizes": list(outcome.warmup_batch_sizes),
        },
        "notes": list(outcome.notes),
        "tools": {"python": platform.python_version(), **{tool: _version_of(tool) for tool in _TOOLS}},
    }


def _figures(measured: Measured) -> dict[str, object]:
    return {
        "accuracy": measured.accuracy.ratio,
        "accuracy_rows": measured.accuracy.rows,
        "accuracy_reason": measured.accuracy.reason,
        "size_bytes": measured.size_bytes,
        "parameters": measured.parameters,
    }


def _latency(latency: Latency) -> dict[str, object]:
    baseline_us = latency.baseline_median_us
    return {
        "median_us": latency.median_us,
        "baseline_median_us": baseline_us,
        "speedup": round(baseline_us / latency.median_us, 2) if baseline_us else None,
    }


def _version_of(tool: str) -> str | None:
    try:
        return importlib.metadata.version(tool)
    except importlib.metadata.PackageNotFoundError:
        return None


def write_manifest(version_dir: Path, content: dict[str, object]) -> None:
    """Write export.json into a folder that isn't published yet. Raises: OSError."""
    (version_dir / MANIFEST_NAME).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
