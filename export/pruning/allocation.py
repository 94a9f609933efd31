"""How a ratio is spread over the groups: steps of a width each, ordered by their price, of which the cheapest go."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from export.pruning.groups import Group, removal_order

MAX_GROUP_SHARE = 0.9  # of a group's first width: what global and latency-driven cuts may take of it


@dataclass(frozen=True, slots=True)
class Cut:
    """One step down in width. group: its index; keep: what stays after it; loss: importance that goes with it."""

    group: int
    keep: int
    channels: int
    loss: float


def least_width(group: Group, first_width: int) -> int:
    """The narrowest a group may become: a tenth of its first width, rounded up to a step, at least one step."""
    tenth = math.ceil(first_width * (1 - MAX_GROUP_SHARE) - 1e-9)
    return min(group.width, max(group.step, math.ceil(tenth / group.step) * group.step))


def ladder(index: int, group: Group, first_width: int, scores: Mapping[int, float]) -> list[Cut]:
    """All cuts of a group in order, each down to the next multiple of its step."""
    rows, parts = removal_order(group, scores), len(group.parts)
    least = least_width(group, first_width)
    cuts, width = [], group.width
    while width > least:
        keep = max(least, (width - 1) // group.step * group.step)
        gone = rows[(group.width - width) // parts : (group.width - keep) // parts]
        cuts.append(Cut(index, keep, width - keep, sum(scores[root] for row in gone for root in row)))
        width = keep
    return cuts


def cheapest_first(ladders: Sequence[Sequence[Cut]], price: Callable[[Cut], float]) -> list[Cut]:
    """All cuts by rising price; those of one group stay in their order, whatever they cost."""
    heap = [(price(cuts[0]), index, 0) for index, cuts in enumerate(ladders) if cuts]
    heapq.heapify(heap)
    ordered = []
    while heap:
        _, index, place = heapq.heappop(heap)
        ordered.append(ladders[index][place])
        if place + 1 < len(ladders[index]):
            heapq.heappush(heap, (price(ladders[index][place + 1]), index, place + 1))
    return ordered


def after(groups: Sequence[Group], cuts: Sequence[Cut]) -> list[Group]:
    """The groups with `keep` as it is once these cuts are made, in order; no other channel goes."""
    widths = [group.width for group in groups]
    for cut in cuts:
        widths[cut.group] = cut.keep
    return [replace(group, keep=width) for group, width in zip(groups, widths, strict=True)]


def allocate_globally(
    groups: Sequence[Group], first_widths: Sequence[int], ratio: float, scores: Mapping[int, float]
) -> list[Group]:
    """Take the channels of least importance anywhere until `ratio` of all first widths together is gone.

    The last cut is left out when that comes closer to the ratio.
    """
    wanted = ratio * sum(first_widths) - (sum(first_widths) - sum(group.width for group in groups))
    ladders = [
        ladder(index, group, first, scores)
        for index, (group, first) in enumerate(zip(groups, first_widths, strict=True))
    ]
    taken: list[Cut] = []
    gone = 0
    for cut in cheapest_first(ladders, lambda cut: cut.loss / cut.channels):
        if gone + cut.channels / 2 > wanted:
            break
        taken.append(cut)
        gone += cut.channels
    return after(groups, taken)
