"""The story of pruning one model: number its channels, choose, cut, fine-tune, round by round; give account."""

from __future__ import annotations

import contextlib
from typing import Any

from export.data import Data, Split
from export.errors import UnsupportedVariantError
from export.options import Allocation, ExportOptions, Importance, PruneSpec
from export.pruning.account import account
from export.pruning.allocation import least_width
from export.pruning.child import Say, fine_tune_in_child
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import Group, prunable_groups
from export.pruning.job import Job, has_raw_scores, own_modules
from export.pruning.rounds import Round, round_ratio, run_round
from export.pruning.stopwatch import Stopwatch
from export.servable import input_aliases

SEED = 1


def prune_model(model: Any, options: ExportOptions, data: Data, say: Say) -> tuple[Any, dict[str, object]]:
    """Prune and fine-tune as asked; return the smaller model and the account for export.json.

    Raises: UnsupportedVariantError when nothing can go or the model can't be trained on class labels; FineTuneError.
    """
    spec = options.prune
    if spec is None:
        raise UnsupportedVariantError("no pruning was asked for")
    _refuse_untrainable(model, options, spec, data.train)
    graph = build_graph(model)
    first = prunable_groups(graph, spec.ratio, spec.multiple)
    refuse_empty(model, graph, first, spec)
    rounds = _run_rounds(model, first, options, spec, data, say)
    if spec.ratio > 0 and all(one.is_empty for one in rounds):
        raise UnsupportedVariantError(
            f"model {model.name!r}: {spec} asks for less than one step of {spec.multiple} channels in any layer; "
            "prune more, or pass a smaller --prune-multiple"
        )
    return rounds[-1].model, account(model, graph, first, rounds, spec)


def _run_rounds(
    model: Any, first: list[Group], options: ExportOptions, spec: PruneSpec, data: Data, say: Say
) -> list[Round]:
    """Cut and fine-tune `spec.rounds` times; a round in which nothing goes leaves its epochs to those after it."""
    modules = (*options.import_modules, *own_modules(model))
    is_trained = spec.importance is Importance.TAYLOR or options.fine_tune_epochs > 0
    is_raw = is_trained and has_raw_scores(model, data.train, input_aliases(model))
    rounds: list[Round] = []
    smaller, epochs_left = model, options.fine_tune_epochs
    with contextlib.ExitStack() as stack:
        is_timed = spec.allocation is Allocation.LATENCY
        stopwatch = stack.enter_context(Stopwatch(model, data.train.inputs)) if is_timed else None
        for number in range(1, spec.rounds + 1):
            label = f"Pruning, round {number} of {spec.rounds}"
            ratio, epochs = round_ratio(spec.ratio, number, spec.rounds), epochs_left // (spec.rounds - number + 1)
            job = Job(epochs, SEED, options.trust_model_code, is_raw, modules)
            one = run_round(smaller, first, ratio, epochs, spec, data.train, job, stopwatch, say)
            if one.is_empty and number < spec.rounds:
                say(f"{label}: nothing goes yet; widths stay multiples of {spec.multiple}")
                continue
            say(f"{label}: {smaller.count_params():,} parameters become {one.model.count_params():,}")
            if epochs:
                fine_tune_in_child(one.model, data.train, job, say)
            smaller, epochs_left = one.model, epochs_left - epochs
            rounds.append(one)
    return rounds


def _refuse_untrainable(model: Any, options: ExportOptions, spec: PruneSpec, train: Split) -> None:
    """Fine-tuning and the Taylor importance know classes only: labels, and one output of (rows, classes)."""
    wants = ["fine-tuning"] if options.fine_tune_epochs else []
    wants += ["the Taylor importance"] if spec.importance is Importance.TAYLOR else []
    if not wants:
        return
    needed = f"model {model.name!r}: {' and '.join(wants)} need{'s' if len(wants) == 1 else ''}"
    remedy = "pass --fine-tune-epochs 0 and fine-tune it yourself" if options.fine_tune_epochs else ""
    remedy += " and " if len(wants) == 2 else ""
    remedy += "choose another --prune-importance" if spec.importance is Importance.TAYLOR else ""
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise UnsupportedVariantError(f"{needed} one output of shape (rows, classes); {remedy}")
    if train.labels is None:
        raise UnsupportedVariantError(f"{needed} labels, and --data has no y_train; add it, or {remedy}")


def refuse_empty(model: Any, graph: ChannelGraph, groups: list[Group], spec: PruneSpec) -> None:
    """Refuse when no channel would go. Raises: UnsupportedVariantError with what stood in the way."""
    if spec.ratio == 0 or any(_can_go(group, spec) for group in groups):
        return
    reasons = [f"{name} ({reason})" for name, reason in graph.protected.items()]
    widths = [f"{'+'.join(group.layers)} (only {group.width} wide)" for group in groups]
    raise UnsupportedVariantError(
        f"model {model.name!r}: nothing can be pruned at {spec}. In the way: "
        f"{', '.join([*reasons, *widths]) or 'only inputs and outputs have channels'}. "
        "Without --prune it can be exported and quantized all the same"
    )


def _can_go(group: Group, spec: PruneSpec) -> bool:
    least = group.keep if spec.allocation is Allocation.UNIFORM else least_width(group, group.width)
    return least < group.width
