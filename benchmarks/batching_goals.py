"""What joining is to reach, each against what ran in the same sitting, and whether it did. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.batching import BUILDS, key
from benchmarks.plan import BATCHING_LOADS
from benchmarks.samples import Sample, Spread, spread

MANY, STREAMS, LONE, OURS, VARIED, LARGE = (load.name for load in BATCHING_LOADS)
DIRECT: Final = ("plain", "batching")  # of these, what is better for the server called directly counts
Value = Callable[[Sample], float]


@dataclass(frozen=True, slots=True)
class Goal:
    """`value` of a joining gateway under `load`, over that of the best of `against` under `against_load`.

    `bound`: at most this, or at least where `at_least`. The ways in `against` may name the same `{build}`.
    """

    words: str
    value: Value
    load: str
    against: tuple[str, ...]
    against_load: str
    bound: float
    at_least: bool = False


def _front(sample: Sample) -> float:
    return sample.front_us


def _total(sample: Sample) -> float:
    return sample.total_us


def _rate(sample: Sample) -> float:
    return sample.calls_per_s


def _p50(sample: Sample) -> float:
    return sample.p50_us


_TOTAL, _RATE, _FRONT = "gateway + model server, processor time", "calls per second", "gateway alone, processor time"
_BETTER: Final = "the server called directly, its better setting"
_PASSING: Final = ("passing{build}",)
_JOINING: Final = ("joining{build}",)
GOALS: Final = (
    *(Goal(f"{_TOTAL}, over {_BETTER}", _total, load, DIRECT, load, 0.3) for load in (MANY, OURS, STREAMS)),
    *(Goal(f"{_FRONT}, over HAProxy's", _front, load, ("haproxy",), load, 0.8) for load in (MANY, OURS)),
    *(
        Goal(f"{_RATE}, over {_BETTER}", _rate, load, DIRECT, load, 3.0, at_least=True)
        for load in (MANY, OURS, STREAMS)
    ),
    Goal("a lone caller's p50, over nginx's", _p50, LONE, ("nginx",), LONE, 1.3),
    Goal(f"{_FRONT} of a row, over passing through", _front, LARGE, _PASSING, LARGE, 1.1),
    Goal(f"{_TOTAL} of a row, over passing through", _total, LARGE, _PASSING, LARGE, 1.1),
    Goal(f"{_FRONT}, over that of {MANY} (h2load)", _front, VARIED, _JOINING, MANY, 1.25),
    Goal(f"{_FRONT}, over that of {OURS}", _front, VARIED, _JOINING, OURS, 1.25),
    Goal(f"{_TOTAL}, over that of {OURS}", _total, VARIED, _JOINING, OURS, 1.25),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one goal: `ratio` of the medians, `rounds` of each round; `ours` and `theirs` are the medians themselves.

    `server` is the model server's group, `build` the end of the gateway's key, `against` the subject that was best.
    """

    server: str
    build: str
    load: str
    words: str
    ours: float
    theirs: float
    against: str
    ratio: float
    rounds: Spread
    bound: float
    at_least: bool
    met: bool


def verdicts(samples: Sequence[Sample], groups: Mapping[str, str]) -> list[Verdict]:
    """On every goal whose two sides were measured: each model server, each build. `groups`: server by subject."""
    found = [
        _verdict(samples, server, build, goal)
        for server in dict.fromkeys(groups.values())
        for build in BUILDS
        for goal in GOALS
    ]
    return [verdict for verdict in found if verdict is not None]


def _verdict(samples: Sequence[Sample], server: str, build: str, goal: Goal) -> Verdict | None:
    ours = _rounds(samples, key(server, f"joining{build}"), goal.load, goal.value)
    measured = {name: _rounds(samples, name, goal.against_load, goal.value) for name in _rivals(server, build, goal)}
    rivals = {name: found for name, found in measured.items() if found}
    if not ours or not rivals:
        return None
    best = (max if goal.at_least else min)(rivals, key=lambda name: median(rivals[name].values()))
    theirs = rivals[best]
    shares = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
    below = median(theirs.values())
    if not shares or not below:
        return None  # under the clock's resolution
    ratio = median(ours.values()) / below
    met = ratio >= goal.bound if goal.at_least else ratio <= goal.bound
    numbers = (round(median(ours.values()), 1), round(below, 1))
    return Verdict(
        server, build, goal.load, goal.words, *numbers, best, ratio, spread(shares), goal.bound, goal.at_least, met
    )


def _rivals(server: str, build: str, goal: Goal) -> list[str]:
    return [key(server, way.format(build=build)) for way in goal.against]


def _rounds(samples: Sequence[Sample], subject: str, load: str, value: Value) -> dict[int, float]:
    """By round; without rounds that have no such figure."""
    of_subject = (sample for sample in samples if (sample.subject, sample.load) == (subject, load))
    return {sample.round: found for sample in of_subject if (found := value(sample))}
