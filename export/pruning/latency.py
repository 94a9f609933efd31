"""Cut where most latency is saved per importance lost, until a share of the latency is gone; after NetAdapt (2018).

What a group's width costs is probed by measuring the model with that group alone cut; the cuts, ordered by their price,
are then taken from the front: how many is found by halving the interval, measuring each time. Both are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from export.pruning.allocation import Cut, after, cheapest_first, ladder
from export.pruning.groups import Group

MAX_PROBES = 12  # groups measured alone, those with most to remove; the others count as their mean
MAX_HALVINGS = 7  # finds one of 128 places
_TOLERANCE = 0.02  # of the first latency: closer than that, measuring again tells noise

Measure = Callable[[Sequence[Group]], float]  # latency of the model so cut, as a share of the first model's


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: why it was made, the widths of all groups, and the latency as a share of the first model's."""

    purpose: str
    widths: tuple[int, ...]
    latency_ratio: float


@dataclass(slots=True)
class LatencySearch:
    """A search's result: the groups as to be cut, the share of latency that is left of the first model's, all steps."""

    target_ratio: float
    groups: list[Group]
    reached_ratio: float = 1.0
    measured: list[Measured] = field(default_factory=list)

    @property
    def is_reached(self) -> bool:
        return self.reached_ratio <= self.target_ratio + _TOLERANCE


def allocate_by_latency(
    groups: Sequence[Group],
    first_widths: Sequence[int],
    removed_ratio: float,
    scores: Mapping[int, float],
    measure: Measure,
    max_probes: int = MAX_PROBES,
) -> LatencySearch:
    """Choose widths at which `removed_ratio` of the first model's latency is gone.

    Where even the narrowest widths allowed don't reach it, they are the result, and `is_reached` is False.
    At most max_probes + MAX_HALVINGS + 2 measurements. Groups of the first widths are the first model: 1 by definition.
    """
    search = LatencySearch(1 - removed_ratio, list(groups))

    def measured(purpose: str, cuts: Sequence[Cut]) -> float:
        chosen = after(groups, cuts)
        ratio = measure(chosen)
        search.measured.append(Measured(purpose, tuple(group.keep for group in chosen), ratio))
        return ratio

    ladders = [
        ladder(index, group, first, scores)
        for index, (group, first) in enumerate(zip(groups, first_widths, strict=True))
    ]
    if [group.width for group in groups] != list(first_widths):
        search.reached_ratio = measured("as it is", [])
    if search.reached_ratio <= search.target_ratio or not any(ladders):
        return search
    saved = _saved_per_channel(ladders, search.reached_ratio, measured, max_probes)
    ordered = cheapest_first(ladders, lambda cut: _price(cut, saved[cut.group]))
    count, search.reached_ratio = _shortest(ordered, search.target_ratio, measured)
    search.groups = after(groups, ordered[:count])
    return search


def _saved_per_channel(
    ladders: Sequence[Sequence[Cut]], now: float, measured: Callable[[str, Sequence[Cut]], float], max_probes: int
) -> list[float]:
    """Latency that one channel less of each group saves; the mean of the probed ones where there was no probe."""
    removable = [sum(cut.channels for cut in cuts) for cuts in ladders]
    probed = sorted((i for i, count in enumerate(removable) if count), key=lambda i: -removable[i])[:max_probes]
    found = {
        index: max(0.0, now - measured(f"group {index} alone", ladders[index])) / removable[index] for index in probed
    }
    mean = sum(found.values()) / len(found)
    return [found.get(index, mean) for index in range(len(ladders))]


def _price(cut: Cut, saved_per_channel: float) -> float:
    """Importance lost per latency saved; what saves nothing comes last."""
    saved = saved_per_channel * cut.channels
    return cut.loss / saved if saved > 0 else math.inf


def _shortest(
    ordered: Sequence[Cut], target: float, measured: Callable[[str, Sequence[Cut]], float]
) -> tuple[int, float]:
    """How many of the cuts bring the latency down to the target, and the latency they leave; all where none do."""
    short, long = 0, len(ordered)
    reached = measured("all cuts allowed", ordered)
    if reached > target:
        return long, reached
    for _ in range(MAX_HALVINGS):
        if long - short <= 1 or target - reached <= _TOLERANCE:
            break
        middle = (short + long) // 2
        ratio = measured(f"{middle} of {len(ordered)} cuts", ordered[:middle])
        if ratio <= target:
            long, reached = middle, ratio
        else:
            short = middle
    return long, reached
