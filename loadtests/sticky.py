"""Pure: does a key keep its arm while weights stand, and move only to a growing version while they move?

Calls overlap, so order is claimed only where it is certain: A is before B when A ended before B started. Two rules:
1. All calls of a key that lie wholly inside one standing phase were answered by one pair (arm, version).
2. When the last call before B was answered by another pair, B's version was growing in a moving phase which the time
   from that call's start to B's end touches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtests.marks import Movement, Phase
from loadtests.record import Call, Pair

SHOWN_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Stickiness:
    """`violations` counts calls that contradict an earlier one of the same key; `examples` tells the first few."""

    keys: int
    violations: int
    examples: tuple[str, ...]


def check_stickiness(calls: Iterable[Call], phases: Sequence[Phase]) -> Stickiness:
    """Apply both rules to every key; a call counts once even if it breaks both."""
    by_key: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        by_key[call.key].append(call)
    starts = [phase.start_s for phase in phases]
    violations = 0
    examples: list[str] = []
    for key, own in by_key.items():
        own.sort(key=lambda call: call.end_s)
        for text in _violations_of_key(key, own, phases, starts):
            violations += 1
            if len(examples) < SHOWN_EXAMPLES:
                examples.append(text)
    return Stickiness(len(by_key), violations, tuple(examples))


def _violations_of_key(key: int, own: list[Call], phases: Sequence[Phase], starts: list[float]) -> Iterable[str]:
    ends = [call.end_s for call in own]
    standing: dict[int, Pair] = {}
    for call in own:
        index = standing_phase(call, phases, starts)
        if index is not None and standing.setdefault(index, call.pair) != call.pair:
            yield _tell(key, standing[index], call, "while weights stood still")
            continue
        before = bisect_right(ends, call.start_s) - 1
        if before < 0 or own[before].pair == call.pair:
            continue
        earlier = own[before]
        if not _may_move(earlier, call, phases, starts):
            yield _tell(key, earlier.pair, call, f"though version {call.pair.version} was not growing")


def standing_phase(call: Call, phases: Sequence[Phase], starts: list[float]) -> int | None:
    """Index of the standing phase that the whole call lies in; `starts` are the phases' starts, ascending."""
    index = bisect_right(starts, call.start_s) - 1
    phase = phases[index]
    return index if phase.movement is Movement.STAND and call.end_s < phase.end_s else None


def _may_move(earlier: Call, later: Call, phases: Sequence[Phase], starts: list[float]) -> bool:
    first = bisect_right(starts, earlier.start_s) - 1
    last = bisect_right(starts, later.end_s) - 1
    return any(later.pair.version in phase.grows for phase in phases[first : last + 1])


def _tell(key: int, was: Pair, call: Call, why: str) -> str:
    return f"key {key}: {was.arm}@{was.version} -> {call.pair.arm}@{call.pair.version} at {call.start_s:.3f} {why}"
