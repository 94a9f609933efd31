"""What is measured and for how long: loads, subjects, the order of a sitting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

# All measured time of one sitting together, so that start-up and warm-up still leave it under six minutes.
SITTING_S: Final = 220.0
MOST_S_PER_ROUND: Final = 3.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """How many connections call at once, and how many calls each keeps in flight."""

    connections: int
    streams: int

    def __post_init__(self) -> None:
        for name in ("connections", "streams"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, must be at least 1")

    @property
    def name(self) -> str:
        """`connections x streams`, as results name it."""
        return f"{self.connections} x {self.streams}"

    @property
    def in_flight(self) -> int:
        """Calls in flight at once."""
        return self.connections * self.streams


LOADS: Final = (Load(64, 1), Load(4, 16), Load(1, 1))


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


def seconds_per_round(subjects: int, loads: int, rounds: int) -> float:
    """How long one measurement may take so that the sitting keeps its bound, in seconds."""
    return round(min(MOST_S_PER_ROUND, SITTING_S / (subjects * loads * rounds)), 2)


def calls_for(seconds: float, calls_per_s: float, load: Load) -> int:
    """How many calls fill `seconds` at that rate: the same number for each caller, at least 10."""
    each = max(10, round(seconds * calls_per_s / load.in_flight))
    return each * load.in_flight
