"""What is measured and for how long: loads, subjects, the order of a sitting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from benchmarks.calls import LARGE, SMALL, Call

# All measured time of one sitting together, so that start-up and warm-up still leave it under seven minutes.
SITTING_S: Final = 220.0
BATCHING_S: Final = 400.0  # longer, since h2load opens connections under the clock, which short measurements would show
MOST_S_PER_ROUND: Final = 3.0
MANY_CALLERS: Final = 64  # above which each makes fewer calls, and connections are open before the clock starts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """How many connections call at once, how many calls each keeps in flight, and what they call.

    `varied`: every call has its own user key, traceparent and timeout. `ours`: our raw generator makes it; h2load
    could, but it is to compare with what only ours makes.
    """

    connections: int
    streams: int
    call: Call = SMALL
    varied: bool = False
    ours: bool = False

    def __post_init__(self) -> None:
        for name in ("connections", "streams"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, must be at least 1")
        if self.raw and (self.streams, self.call) != (1, SMALL):
            raise ValueError(f"{self.name}: our raw generator makes small calls only, one at a time on a connection")

    @property
    def name(self) -> str:
        """`connections x streams`, as results name it, and what is special about the calls."""
        special = [f"{round(4 * self.call.features / 1000)} kB"] if self.call is not SMALL else []
        special += ["varied"] * self.varied + ["our generator"] * self.ours
        return ", ".join([f"{self.connections} x {self.streams}", *special])

    @property
    def raw(self) -> bool:
        """Whether our generator makes it: h2load knows one header block only, and opens connections under the clock."""
        return self.varied or self.ours or self.connections > MANY_CALLERS

    @property
    def least_calls_each(self) -> int:
        """Of one caller in one measurement."""
        return 10 if self.in_flight <= MANY_CALLERS else 3

    @property
    def in_flight(self) -> int:
        """Calls in flight at once."""
        return self.connections * self.streams


LOADS: Final = (Load(64, 1), Load(4, 16), Load(1, 1))
BATCHING_LOADS: Final = (*LOADS, Load(64, 1, ours=True), Load(64, 1, varied=True), Load(2, 4, LARGE))
FRONT_LOADS: Final = (*LOADS, Load(1000, 1), Load(64, 1, varied=True), Load(2, 4, LARGE))


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement: which subject, under which load, in which round (from 1)."""

    subject: str
    load: Load
    round: int


def steps(subjects: Sequence[str], loads: Sequence[Load], rounds: int) -> Iterator[Step]:
    """Every measurement, round by round; every other round goes backwards, so that none always follows the same."""
    for number in range(1, rounds + 1):
        for load in loads:
            for subject in turned(subjects, number):
                yield Step(subject, load, number)


def turned(things: Sequence[T], number: int) -> list[T]:
    """The things in order for odd numbers, backwards for even ones."""
    return list(things) if number % 2 else list(reversed(things))


def seconds_per_round(subjects: int, loads: int, rounds: int, sitting_s: float = SITTING_S) -> float:
    """How long one measurement may take so that the sitting keeps its bound, in seconds."""
    return round(min(MOST_S_PER_ROUND, sitting_s / (subjects * loads * rounds)), 2)


def calls_for(seconds: float, calls_per_s: float, load: Load) -> int:
    """How many calls fill `seconds` at that rate: the same number for each caller."""
    each = max(load.least_calls_each, round(seconds * calls_per_s / load.in_flight))
    return each * load.in_flight
