"""Pure: the facts of one run as a JSON-ready dictionary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.marks import Mark, Movement, Phase, phases
from loadtests.record import Call, CallRecord, Pair
from loadtests.sticky import check_stickiness, standing_phase


def summarise(record: CallRecord, marks: Sequence[Mark]) -> dict[str, Any]:
    """Calls, latency (nearest rank, milliseconds), failures, arms, phases, split and stickiness.

    `split_observed` counts keys (not calls) in the first standing phase that saw any.
    """
    calls = list(record.calls())
    cuts = phases(marks)
    failed = sum(failure.count for failure in record.failures())
    answered = len(calls) + record.unrecorded
    measured_s = max((c.end_s for c in calls), default=0.0) - min((c.start_s for c in calls), default=0.0)
    sticky = check_stickiness(calls, cuts)
    seen = [facts for phase_index in range(len(cuts)) if (facts := _phase(phase_index, cuts, calls))["calls"]]
    first = next((facts for facts in seen if facts["mark"] == Movement.STAND.value and facts["split"]), None)
    return {
        "loop": "closed",
        "calls": answered + failed,
        "failed_calls": failed,
        "failures": [
            {"code": f.code, "message": f.message, "count": f.count, "first_s": f.first_s} for f in record.failures()
        ],
        "measured_s": round(measured_s, 3),
        "throughput_rps": round(len(calls) / measured_s, 1) if measured_s > 0 else 0.0,
        "latency_ms": latencies_ms(calls),
        "arms": _arms(calls, record.correct_by_pair()),
        "phases": seen,
        "split_observed": first["split"] if first else {},
        "sticky_violations": sticky.violations,
        "sticky": {"keys": sticky.keys, "examples": list(sticky.examples)},
        "unrecorded_calls": record.unrecorded,
    }


def promises_kept(summary: Mapping[str, Any]) -> bool:
    """Whether calls were made, none failed or was abandoned, no key strayed and nothing was left unchecked."""
    broken = summary["failed_calls"] or summary["unfinished_calls"] or summary["sticky_violations"] != 0
    return bool(summary["calls"] and not broken and not summary["unrecorded_calls"] and not summary["warnings"])


def latencies_ms(calls: Sequence[Call]) -> dict[str, float]:
    """p50, p95, p99 (nearest rank), mean and max; zeros where there is no call."""
    ordered = sorted((call.end_s - call.start_s) * 1e3 for call in calls)
    if not ordered:
        return dict.fromkeys(("p50", "p95", "p99", "mean", "max"), 0.0)
    ranks = {f"p{percent}": ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 95, 99)}
    figures = {**ranks, "mean": math.fsum(ordered) / len(ordered), "max": ordered[-1]}
    return {name: round(value, 3) for name, value in figures.items()}


def _arms(calls: Sequence[Call], correct: dict[Pair, int]) -> list[dict[str, Any]]:
    counts = Counter(call.pair for call in calls)
    keys: dict[Pair, set[int]] = {pair: set() for pair in counts}
    for call in calls:
        keys[call.pair].add(call.key)
    return [
        {
            "arm": pair.arm,
            "version": pair.version,
            "calls": count,
            "keys": len(keys[pair]),
            "accuracy_ratio": round(correct[pair] / count, 4),
        }
        for pair, count in sorted(counts.items())
    ]


def _phase(index: int, cuts: Sequence[Phase], calls: Sequence[Call]) -> dict[str, Any]:
    phase = cuts[index]
    starts = [cut.start_s for cut in cuts]
    inside = [call for call in calls if phase.start_s <= call.start_s < phase.end_s]
    facts: dict[str, Any] = {
        "mark": phase.movement.value,
        "grows": sorted(phase.grows),
        "start_s": round(max(phase.start_s, min((call.start_s for call in inside), default=0.0)), 3),
        "end_s": round(min(phase.end_s, max((call.end_s for call in inside), default=0.0)), 3),
        "calls": len(inside),
        "keys": len({call.key for call in inside}),
        "split": {},
    }
    if phase.movement is Movement.STAND:
        facts["split"] = _split([call for call in inside if standing_phase(call, cuts, starts) == index])
    return facts


def _split(calls: Sequence[Call]) -> dict[str, dict[str, Any]]:
    """Keys by the pair that first answered them: {"stable@1": {"arm", "version", "keys", "percent"}}."""
    home: dict[int, Pair] = {}
    for call in calls:
        home.setdefault(call.key, call.pair)
    counts = Counter(home.values())
    return {
        f"{pair.arm}@{pair.version}": {
            "arm": pair.arm,
            "version": pair.version,
            "keys": count,
            "percent": round(100 * count / len(home), 3),
        }
        for pair, count in sorted(counts.items())
    }
