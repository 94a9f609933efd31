"""`export.json`: what a version is, where it came from, and what was measured; beside the model it speaks of."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.gate.as_json import figures_json, verdict_json
from export.gate.figures import Figures, Latency
from export.gate.judge import Verdict
from export.options import ExportOptions
from export.preprocess.prepared import Preprocess
from export.signature import Signature

FORMAT_VERSION = 2
MANIFEST_NAME = "export.json"
_TOOLS = ("tidegate", "tensorflow", "keras", "numpy", "ai-edge-litert")


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known of an exported version.

    preprocess: the signatures besides serving_default, by name. frozen: weights are constants of the graph; None for
    TensorFlow Lite. figures: of every step, the float32 source first, the version last; of one step where nothing but
    float32 was asked for, and `verdict` is then None.
    """

    version: int
    source_sha256: str
    signature: Signature
    preprocess: Mapping[str, Preprocess]
    frozen: bool | None
    figures: Sequence[Figures]
    verdict: Verdict | None
    pruning: dict[str, object] | None
    warmup_batch_sizes: Sequence[int]
    notes: Sequence[str]


def manifest(options: ExportOptions, outcome: Outcome) -> dict[str, object]:
    """Build the content of export.json; docs/gate.md describes every key."""
    mine = outcome.figures[-1]
    baseline = outcome.figures[0] if len(outcome.figures) > 1 else None
    return {
        "format_version": FORMAT_VERSION,
        "name": options.name,
        "version": outcome.version,
        "source": {"file": options.model_path.name, "sha256": outcome.source_sha256},
        "variant": {
            "precision": options.precision.value,
            "prune": str(options.prune) if options.prune else None,
            "xla": options.server.is_xla and not options.precision.is_tflite,
            "frozen": outcome.frozen,
        },
        "runtime": "tflite" if options.precision.is_tflite else "savedmodel",
        "signature": outcome.signature.as_json(),
        "preprocess": {name: _inputs(one) for name, one in sorted(outcome.preprocess.items())},
        **_summary(mine),
        "baseline": _summary(baseline) if baseline else None,
        "latency": {f"batch_{one.rows}": _latency(one, baseline) for one in mine.latencies},
        "verdict": verdict_json(outcome.verdict) if outcome.verdict else None,
        "steps": [figures_json(one) for one in outcome.figures],
        "pruning": outcome.pruning,
        "batching": {
            "max_batch_size": options.max_batch_size,
            "allowed_batch_sizes": list(options.allowed_batch_sizes),
            "warmup_batch_sizes": list(outcome.warmup_batch_sizes),
        },
        "notes": list(outcome.notes),
        "tools": {"python": platform.python_version(), **{tool: _version_of(tool) for tool in _TOOLS}},
    }


def _inputs(one: Preprocess) -> dict[str, object]:
    return {"inputs": {alias: info.as_json() for alias, info in sorted(one.inputs.items())}}


def _summary(figures: Figures) -> dict[str, object]:
    ratio = figures.accuracy.ratio
    return {
        "accuracy": None if ratio is None else ratio.value,
        "accuracy_rows": figures.accuracy.rows,
        "accuracy_reason": figures.accuracy.reason,
        "size_bytes": figures.size_bytes,
        "parameters": figures.parameters,
    }


def _latency(mine: Latency, baseline: Figures | None) -> dict[str, object]:
    """Medians; the baseline's were measured in turns with them."""
    base = {} if baseline is None else {one.rows: one.median_us for one in baseline.latencies}
    return {
        "median_us": round(mine.median_us, 1),
        "baseline_median_us": round(base[mine.rows], 1) if mine.rows in base else None,
        "speedup": round(mine.speedup.value, 2) if mine.speedup else None,
    }


def _version_of(tool: str) -> str | None:
    try:
        return importlib.metadata.version(tool)
    except importlib.metadata.PackageNotFoundError:
        return None


def write_manifest(version_dir: Path, content: Mapping[str, object]) -> None:
    """Write export.json into a folder that isn't published yet. Raises: OSError."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (version_dir / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")
