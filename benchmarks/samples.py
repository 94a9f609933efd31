"""One measurement, and what several of them say together: medians with their least and most. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One subject under one load in one round.

    `answered` of `calls` got their whole reply. `front_s` is the processor time of the gateway or proxy (0 without
    one), `upstream_s` that of the model server. `joined_calls` and `joins`: client calls that went upstream through the
    gateway's batching, and in how many upstream calls (0 where nothing joins). `other_cores`: how many cores everything
    else on the machine kept busy meanwhile. `p50_us`: a call's median time for its caller (0: not measured).
    """

    subject: str
    load: str
    round: int
    calls: int
    answered: int
    wall_s: float
    front_s: float
    upstream_s: float
    joined_calls: int = 0
    joins: int = 0
    other_cores: float = 0.0
    p50_us: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.answered <= self.calls:
            raise ValueError(f"answered: got {self.answered} of {self.calls} calls, must be at least 1 and at most all")
        if self.wall_s <= 0:
            raise ValueError(f"wall_s: got {self.wall_s}, must be more than 0")

    @property
    def front_us(self) -> float:
        """Processor microseconds of the front for each answered call."""
        return self.front_s * 1e6 / self.answered

    @property
    def upstream_us(self) -> float:
        """Processor microseconds of the model server for each answered call."""
        return self.upstream_s * 1e6 / self.answered

    @property
    def total_us(self) -> float:
        """Both together."""
        return self.front_us + self.upstream_us

    @property
    def calls_per_s(self) -> float:
        """Answered calls for each second of the generator's time (closed loop)."""
        return self.answered / self.wall_s

    @property
    def calls_per_join(self) -> float:
        """Client calls in one upstream call of the gateway's batching; 0 where nothing joins."""
        return self.joined_calls / self.joins if self.joins else 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All rounds of one subject under one load."""

    subject: str
    load: str
    front_us: Spread
    upstream_us: Spread
    total_us: Spread
    calls_per_s: Spread
    calls_per_join: Spread
    p50_us: Spread
    calls: int
    unanswered: int


def other_cores(samples: Iterable[Sample]) -> Spread:
    """How busy everything else kept the machine over all measurements."""
    return spread([sample.other_cores for sample in samples])


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most. Raises: ValueError for no values."""
    if not values:
        raise ValueError("values: got none, must be at least one round")
    return Spread(median(values), min(values), max(values))


def summarise(samples: Iterable[Sample]) -> list[Figures]:
    """One entry for each subject and load, in the order in which they first come."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.subject, sample.load), []).append(sample)
    return [_figures(subject, load, group) for (subject, load), group in groups.items()]


def _figures(subject: str, load: str, group: Sequence[Sample]) -> Figures:
    def over(value: Callable[[Sample], float]) -> Spread:
        return spread([value(sample) for sample in group])

    return Figures(
        subject=subject,
        load=load,
        front_us=over(lambda sample: sample.front_us),
        upstream_us=over(lambda sample: sample.upstream_us),
        total_us=over(lambda sample: sample.total_us),
        calls_per_s=over(lambda sample: sample.calls_per_s),
        calls_per_join=over(lambda sample: sample.calls_per_join),
        p50_us=over(lambda sample: sample.p50_us),
        calls=sum(sample.calls for sample in group),
        unanswered=sum(sample.calls - sample.answered for sample in group),
    )
