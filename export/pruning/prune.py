"""The story of pruning one model: number its channels, choose, cut, fine-tune, give account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.data import Data
from export.errors import UnsupportedVariantError
from export.options import ExportOptions, PruneSpec
from export.pruning.child import fine_tune_in_child
from export.pruning.finetune import Job
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import Group, prunable_groups, removed_roots
from export.pruning.surgery import cut_model
from export.servable import input_aliases

SEED = 1

Say = Callable[[str], None]


def prune_model(model: Any, options: ExportOptions, data: Data, say: Say) -> tuple[Any, dict[str, object]]:
    """Prune and fine-tune as asked; return the smaller model and the account for export.json.

    Raises: UnsupportedVariantError when nothing can go or the model can't be trained on class labels; FineTuneError.
    """
    spec = options.prune
    if spec is None:
        raise UnsupportedVariantError("no pruning was asked for")
    _refuse_untrainable(model, options)
    graph = build_graph(model)
    groups = prunable_groups(graph, spec.ratio)
    refuse_empty(model, graph, groups, spec)
    smaller = cut_model(model, graph, removed_roots(graph, groups, spec))
    say(f"Pruned {model.count_params():,} parameters to {smaller.count_params():,}")
    if options.fine_tune_epochs:
        job = Job(options.fine_tune_epochs, SEED, options.trust_model_code)
        fine_tune_in_child(smaller, data.train, input_aliases(smaller), job, say)
    return smaller, account(graph, groups, spec, options.fine_tune_epochs)


def _refuse_untrainable(model: Any, options: ExportOptions) -> None:
    """Fine-tuning knows classes only: one output of (rows, classes)."""
    if options.fine_tune_epochs and (len(model.outputs) != 1 or len(model.outputs[0].shape) != 2):
        raise UnsupportedVariantError(
            f"model {model.name!r}: fine-tuning needs one output of shape (rows, classes); "
            "pass --fine-tune-epochs 0 and fine-tune it yourself"
        )


def refuse_empty(model: Any, graph: ChannelGraph, groups: list[Group], spec: PruneSpec) -> None:
    """Refuse when no channel would go. Raises: UnsupportedVariantError with what stood in the way."""
    if spec.ratio == 0 or any(group.keep < len(group.roots) for group in groups):
        return
    reasons = [f"{name} ({reason})" for name, reason in graph.protected.items()]
    widths = [f"{'+'.join(group.layers)} (only {len(group.roots)} wide)" for group in groups]
    raise UnsupportedVariantError(
        f"model {model.name!r}: nothing can be pruned at {spec}. In the way: "
        f"{', '.join([*reasons, *widths]) or 'only inputs and outputs have channels'}"
    )


def account(graph: ChannelGraph, groups: list[Group], spec: PruneSpec, epochs: int) -> dict[str, object]:
    """What was cut and what was left whole, for export.json."""
    return {
        "ratio": spec.ratio,
        "importance": spec.importance.value,
        "fine_tune_epochs": epochs,
        "groups": [{"layers": list(g.layers), "width_before": len(g.roots), "width_after": g.keep} for g in groups],
        "protected": dict(graph.protected),
    }
