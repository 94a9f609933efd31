"""One round of pruning: score the channels, choose how many of each group stay, cut. Which rounds there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from export.data import Split
from export.errors import UnsupportedVariantError
from export.options import Allocation, Importance, PruneSpec
from export.pruning.allocation import allocate_globally
from export.pruning.child import Say, taylor_terms_in_child
from export.pruning.costs import expected_parameters
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import Group, kept_count, least_important, prunable_groups
from export.pruning.importance import Scores, weight_scores
from export.pruning.job import Job
from export.pruning.latency import MAX_PROBES, LatencySearch, allocate_by_latency
from export.pruning.stopwatch import Stopwatch
from export.pruning.surgery import cut_model
from export.pruning.taylor import taylor_scores


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did.

    ratio: removed since the start when it ends; model: after it; expected_parameters: as its graph computes them;
    epochs: of fine-tuning.
    """

    ratio: float
    model: Any
    expected_parameters: int
    groups: tuple[Group, ...]
    epochs: int
    fallbacks: tuple[str, ...] = ()
    search: LatencySearch | None = None

    @property
    def is_empty(self) -> bool:
        """No group was one step away from what it should have."""
        return all(group.keep == group.width for group in self.groups)


def round_ratio(ratio: float, number: int, rounds: int) -> float:
    """What is gone of the whole after round `number` of `rounds`, from 1: each takes the same share of what is left."""
    return ratio if number == rounds else 1 - (1 - ratio) ** (number / rounds)


def run_round(
    model: Any,
    first: Sequence[Group],
    ratio: float,
    epochs: int,
    spec: PruneSpec,
    train: Split,
    job: Job,
    stopwatch: Stopwatch | None,
    say: Say,
) -> Round:
    """Cut a model down until `ratio` of the first one is gone.

    first: the groups of the first model, whose widths and steps count. stopwatch: holds the first model, for LATENCY.
    Raises: UnsupportedVariantError, FineTuneError.
    """
    graph = build_graph(model)
    found = prunable_groups(graph, 0.0, spec.multiple)
    if [group.layers for group in found] != [group.layers for group in first]:
        raise UnsupportedVariantError(
            f"model {model.name!r}: its channels hang together otherwise once it is cut, so a next round can't go on; "
            "pass --prune-rounds 1"
        )
    groups = [replace(group, step=before.step) for group, before in zip(found, first, strict=True)]
    scores = _scores(model, graph, spec.importance, train, job, say)
    chosen, search = _choose(model, graph, groups, first, ratio, spec, scores, stopwatch, say)
    removed = least_important(chosen, scores.by_root)
    smaller, expected = cut_model(model, graph, removed), expected_parameters(graph, model, removed)
    return Round(ratio, smaller, expected, tuple(chosen), epochs, scores.fallbacks, search)


def _scores(model: Any, graph: ChannelGraph, importance: Importance, train: Split, job: Job, say: Say) -> Scores:
    if importance is not Importance.TAYLOR:
        return weight_scores(graph, importance)
    return Scores(taylor_scores(model, graph, taylor_terms_in_child(model, train, job, say)))


def _choose(
    model: Any,
    graph: ChannelGraph,
    groups: list[Group],
    first: Sequence[Group],
    ratio: float,
    spec: PruneSpec,
    scores: Scores,
    stopwatch: Stopwatch | None,
    say: Say,
) -> tuple[list[Group], LatencySearch | None]:
    """The groups with what is to stay of each; never more than there is."""
    widths = [group.width for group in first]
    match spec.allocation:
        case Allocation.UNIFORM:
            keeps = [min(g.width, kept_count(width, ratio, g.step)) for g, width in zip(groups, widths, strict=True)]
            return [replace(group, keep=keep) for group, keep in zip(groups, keeps, strict=True)], None
        case Allocation.GLOBAL:
            return allocate_globally(groups, widths, ratio, scores.by_root), None
        case Allocation.LATENCY:
            if stopwatch is None:
                raise ValueError("allocation by latency needs a stopwatch")
            watch = stopwatch

            def measure(tried: Sequence[Group]) -> float:
                return watch.ratio(cut_model(model, graph, least_important(tried, scores.by_root)))

            say("  measuring what the widths cost in latency")
            probes = max(1, MAX_PROBES // spec.rounds)
            search = allocate_by_latency(groups, widths, ratio, scores.by_root, measure, probes)
            say(
                f"  {search.reached_ratio:.0%} of the latency is left, wanted {search.target_ratio:.0%} "
                f"({len(search.measured)} measurements)"
            )
            return search.groups, search
        case _:
            assert_never(spec.allocation)
