"""Figures made by hand, float32 and variants of it, to judge and to show; and export.json of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from export.gate.figures import (
    Accuracy,
    Agreement,
    Difference,
    Estimate,
    Figures,
    Latency,
    LoadTime,
    Memory,
    Throughput,
)
from export.gate.judge import judge
from export.manifest import Outcome, manifest
from export.options import ExportOptions, GateRules, Precision, PruneSpec
from export.preprocess.prepared import Preprocess
from export.signature import Signature, TensorInfo

RULES = GateRules()
PRUNING: dict[str, object] = {
    "ratio": 0.5,
    "importance": "taylor",
    "importance_fallbacks": {"conv": "l2"},
    "allocation": "uniform",
    "multiple": 16,
    "fine_tune_epochs": 2,
    "parameters_before": 250_000,
    "parameters_after": 70_000,
    "rounds": [],
    "groups": [{"layers": ["conv", "add"], "width_before": 64, "width_after": 32}],
    "protected": {"norm": "it isn't <known>"},
}
SIGNATURE = Signature({"pixels": TensorInfo("float32", (None, 8, 8))}, {"scores": TensorInfo("float32", (None, 10))})


def baseline(**changes: Any) -> Figures:
    """float32: 1 MB, 900 of 1000 rows right, 100 us and 1 ms."""
    made = Figures(
        name="float32",
        parameters=250_000,
        size_bytes=1_000_000,
        compressed_bytes=900_000,
        load=LoadTime(40_000, 38_000, 43_000, 3),
        memory=Memory(20_000_000, 40_000_000, 64),
        latencies=(Latency(1, 100, 95, 110, 200), Latency(32, 1000, 950, 1100, 200)),
        throughput=Throughput(30_000, 29_000, 31_000, 64, 2),
        accuracy=Accuracy(Estimate(0.9, 0.88, 0.917), 1000),
        checked_rows=1000,
    )
    return replace(made, **changes)


def variant(speed: float = 2.0, size: float = 0.5, drop: float = 0.0, noise: float = 0.05, **changes: Any) -> Figures:
    """A variant so many times as fast, of that share of the size, losing that share of 1000 rows."""
    estimate = Estimate(speed, speed * (1 - noise), speed * (1 + noise))
    made = baseline(
        name="bfloat16",
        size_bytes=round(1_000_000 * size),
        compressed_bytes=round(900_000 * size),
        latencies=(
            Latency(1, 100 / speed, 95 / speed, 110 / speed, 200, estimate),
            Latency(32, 1000 / speed, 950 / speed, 1100 / speed, 200, estimate),
        ),
        throughput=Throughput(30_000 * speed, 29_000 * speed, 31_000 * speed, 64, 2, speed),
        accuracy=Accuracy(Estimate(0.9 - drop, 0.88 - drop, 0.917 - drop), 1000),
        difference=Difference(
            Estimate(-drop, -drop - 0.004, -drop + 0.004), max(round(-drop * 1000), 0), max(round(drop * 1000), 0), 0.5
        ),
        agreement=Agreement(Estimate(1 - abs(drop), 0.9, 1.0), 1000, "the same class", True),
        speedup=estimate,
    )
    return replace(made, **changes)


def content(*figures: Figures, rules: GateRules = RULES, **changes: Any) -> dict[str, Any]:
    """Of an export of `figures`, float32 first; judged when there are several. changes: of ExportOptions."""
    asked: dict[str, Any] = {"data_path": Path("digits.npz")}
    if len(figures) > 1:
        asked |= {"precision": Precision.BFLOAT16, "prune": PruneSpec(0.5)}
    options = ExportOptions(
        **{"model_path": Path("m.keras"), "name": "digits", "out_dir": Path("out"), **asked, **changes}
    )
    raw = Preprocess({"image": TensorInfo("string", (None,))}, dict, (), lambda rows, rng: {}, ("image",))
    outcome = Outcome(
        version=3,
        source_sha256="ab" * 32,
        signature=SIGNATURE,
        preprocess={"serving_image": raw},
        frozen=True,
        figures=figures,
        verdict=judge(figures[0], figures[-1], rules) if len(figures) > 1 else None,
        pruning=PRUNING if len(figures) > 1 else None,
        warmup_batch_sizes=(1, 8, 32, 64),
        notes=["the <b>bold</b> note"],
    )
    return manifest(options, outcome)
