"""What pruning did, for export.json: asked, cut, protected, measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from export.options import Importance, PruneSpec
from export.pruning.graph import ChannelGraph
from export.pruning.groups import Group
from export.pruning.latency import LatencySearch
from export.pruning.rounds import Round
from export.pruning.stopwatch import BATCH_ROWS


def account(
    model: Any, graph: ChannelGraph, first: Sequence[Group], rounds: Sequence[Round], spec: PruneSpec
) -> dict[str, object]:
    """Plain JSON. model, graph, first: before pruning; rounds: those that were run, the last made what is published."""
    last = rounds[-1]
    return {
        "ratio": spec.ratio,
        "importance": spec.importance.value,
        "importance_fallbacks": dict.fromkeys(rounds[0].fallbacks, Importance.L2.value),
        "allocation": spec.allocation.value,
        "multiple": spec.multiple,
        "fine_tune_epochs": sum(one.epochs for one in rounds),
        "parameters_before": int(model.count_params()),
        "parameters_after": int(last.model.count_params()),
        "parameters_computed": last.expected_parameters,
        "rounds": [_round(one) for one in rounds],
        "groups": [
            {"layers": list(before.layers), "width_before": before.width, "width_after": after.keep}
            for before, after in zip(first, last.groups, strict=True)
        ],
        "protected": dict(graph.protected),
    }


def _round(one: Round) -> dict[str, object]:
    return {
        "ratio": round(one.ratio, 4),
        "parameters": int(one.model.count_params()),
        "fine_tune_epochs": one.epochs,
        "latency": None if one.search is None else _latency(one.search),
    }


def _latency(search: LatencySearch) -> dict[str, object]:
    """Ratios are shares of the unpruned model's median latency, in turns with it."""
    return {
        "batch_rows": BATCH_ROWS,
        "target_ratio": round(search.target_ratio, 4),
        "reached_ratio": round(search.reached_ratio, 4),
        "is_reached": search.is_reached,
        "measured": [
            {"purpose": one.purpose, "widths": list(one.widths), "latency_ratio": round(one.latency_ratio, 4)}
            for one in search.measured
        ],
    }
