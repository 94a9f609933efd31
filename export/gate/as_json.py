"""Figures and verdict as plain JSON, the same in export.json, report.json and a refusal; docs/gate.md has every key."""

from __future__ import annotations

from export.gate.figures import Agreement, Difference, Estimate, Figures, Latency
from export.gate.judge import Verdict


def figures_json(one: Figures) -> dict[str, object]:
    """One step. Microseconds and bytes as they were measured, rounded to what they can tell."""
    return {
        "name": one.name,
        "parameters": one.parameters,
        "size_bytes": one.size_bytes,
        "compressed_bytes": one.compressed_bytes,
        "load": {
            "median_us": round(one.load.median_us),
            "least_us": round(one.load.least_us),
            "most_us": round(one.load.most_us),
            "loads": one.load.loads,
        },
        "memory": {
            "loaded_bytes": one.memory.loaded_bytes,
            "called_bytes": one.memory.called_bytes,
            "rows": one.memory.rows,
        },
        "latency": {f"batch_{latency.rows}": _latency(latency) for latency in one.latencies},
        "throughput": {
            "rows_per_s": round(one.throughput.rows_per_s, 1),
            "least": round(one.throughput.least, 1),
            "most": round(one.throughput.most, 1),
            "rows": one.throughput.rows,
            "callers": one.throughput.callers,
            "ratio": None if one.throughput.ratio is None else round(one.throughput.ratio, 4),
        },
        "speedup": _estimate(one.speedup),
        "accuracy": {
            "ratio": _estimate(one.accuracy.ratio, 6),
            "rows": one.accuracy.rows,
            "reason": one.accuracy.reason,
            "commonest": None if one.accuracy.commonest is None else round(one.accuracy.commonest, 6),
        },
        "difference": _difference(one.difference),
        "agreement": _agreement(one.agreement),
        "broken_rows": one.broken_rows,
        "checked_rows": one.checked_rows,
    }  # fmt: skip


def _estimate(one: Estimate | None, digits: int = 4) -> dict[str, float] | None:
    return None if one is None else one.as_json(digits)


def _latency(one: Latency) -> dict[str, object]:
    return {
        "median_us": round(one.median_us, 1),
        "low_us": round(one.low_us, 1),
        "high_us": round(one.high_us, 1),
        "rounds": one.rounds,
        "speedup": _estimate(one.speedup),
    }


def _difference(one: Difference | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {"ratio": one.ratio.as_json(6), "gained": one.gained, "lost": one.lost, "p_value": round(one.p_value, 6)}


def _agreement(one: Agreement | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {"ratio": one.ratio.as_json(6), "rows": one.rows, "way": one.way, "is_held_out": one.is_held_out}


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """The judgement. `passed` and `is_forced` say whether and why it stands published."""
    return {
        "passed": verdict.passes,
        "is_forced": verdict.is_forced,
        "headline": verdict.headline,
        "reasons": list(verdict.reasons),
        "rules": {
            "max_accuracy_drop": verdict.rules.max_accuracy_drop,
            "require": verdict.rules.require.value,
        },
        "speed": verdict.speed.value,
        "speedup": verdict.speedup.as_json(),
        "is_smaller": verdict.is_smaller,
        "size_ratio": round(verdict.size_ratio, 4),
        "accuracy_drop": _estimate(verdict.accuracy_drop, 6),
        "drop_of": verdict.drop_of,
        "gains": list(verdict.gains),
        "costs": list(verdict.costs),
        "notes": list(verdict.notes),
    }
