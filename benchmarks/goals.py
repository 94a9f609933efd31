"""What the gateway's own transport is to reach against its peers: ratios inside one sitting, and goals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.plan import FRONT_LOADS, LOADS
from benchmarks.samples import Sample, Spread, spread

OURS: Final = ("gateway-compiled", "gateway-http2")  # each is held against its peers, the first also against the second
P50_LOAD: Final = "1 x 1"
P50_GOALS: Final = {"nginx": 1.2}
READY_S, MEMORY_MB, IDLE_CONNECTION_KB = 0.5, 60.0, 30.0

_SMALL: Final = {"gateway-grpcio": 0.12, "nginx": 1.0, "envoy": 0.9}
_LARGE: Final = {"envoy": 1.0, "haproxy": 1.0, "nginx": 1.3}
_ONE_CALL_A_CONNECTION: Final = {"64 x 1": 1.0, "1000 x 1": 1.0}  # against HAProxy
GOALS: Final = {
    (load.name, peer): most
    for load in FRONT_LOADS
    for peer, most in (
        {**_SMALL, **({"haproxy": 1.0} if load.name in _ONE_CALL_A_CONNECTION else {})}
        if load.call is LOADS[0].call
        else _LARGE
    ).items()
}


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over a peer's: of the medians, and of each round. `goal`: at most this, where there is one."""

    ours: str
    load: str
    peer: str
    of_medians: float
    rounds: Spread
    goal: float | None

    @property
    def met(self) -> bool | None:
        """None without a goal."""
        return None if self.goal is None else self.of_medians <= self.goal


def processor_ratios(samples: Sequence[Sample]) -> list[Ratio]:
    """Of the fronts' processor time per call: each of OURS, every load, every peer, in the order of the samples."""
    found = []
    for ours in OURS:
        for load in dict.fromkeys(sample.load for sample in samples):
            for peer in _peers(samples, ours):
                goal = GOALS.get((load, peer))
                found.append(_ratio(samples, ours, load, peer, lambda sample: sample.front_us, goal))
    return [ratio for ratio in found if ratio is not None]


def p50_ratios(samples: Sequence[Sample]) -> list[Ratio]:
    """Of a lone caller's median time."""
    measured = [sample for sample in samples if sample.load == P50_LOAD and sample.p50_us]
    found = [
        _ratio(measured, ours, P50_LOAD, peer, lambda sample: sample.p50_us, P50_GOALS.get(peer))
        for ours in OURS
        for peer in _peers(measured, ours)
    ]
    return [ratio for ratio in found if ratio is not None]


def _peers(samples: Sequence[Sample], ours: str) -> list[str]:
    """What one of ours is compared with: not with those of ours that come before it."""
    after = OURS[OURS.index(ours) + 1 :]
    subjects = dict.fromkeys(sample.subject for sample in samples)
    return [key for key in subjects if key not in OURS or key in after]


def _ratio(
    samples: Sequence[Sample], key: str, load: str, peer: str, value: Callable[[Sample], float], goal: float | None
) -> Ratio | None:
    """None where one of the two wasn't measured, or the peer's time is under the clock's resolution."""
    ours = {sample.round: value(sample) for sample in samples if (sample.subject, sample.load) == (key, load)}
    theirs = {sample.round: value(sample) for sample in samples if (sample.subject, sample.load) == (peer, load)}
    shares = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
    if not shares or not median(theirs.values()):
        return None
    return Ratio(key, load, peer, median(ours.values()) / median(theirs.values()), spread(shares), goal)
