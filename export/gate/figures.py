"""What is measured of one written version, as values: nothing here measures or judges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Candidate:
    """A written version to measure: its name in reports, its folder, its weights (None: the source doesn't say)."""

    name: str
    version_dir: Path
    parameters: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def as_json(self, digits: int = 4) -> dict[str, float]:
        return {"value": round(self.value, digits), "low": round(self.low, digits), "high": round(self.high, digits)}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of held-out rows answered right; None with the reason in words.

    commonest: the share of the commonest label, which a version that always answers that one would get right.
    """

    ratio: Estimate | None
    rows: int
    reason: str | None = None
    commonest: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The same rows answered by two versions: accuracy minus the baseline's, as a share of rows.

    gained: rows that only this version answers right; lost: rows that only the baseline does. p_value: of McNemar's
    exact test, that both are equally good.
    """

    ratio: Estimate
    gained: int
    lost: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """The share of rows answered as float32 answers them.

    way: in words, what counts as the same answer. is_held_out: the rows are the user's; else made at random, which
    tells a broken model from a sound one, and nothing of its accuracy.
    """

    ratio: Estimate
    rows: int
    way: str
    is_held_out: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds of single calls of `rows` rows: median and quartiles of `rounds` calls, all versions in turns.

    speedup: the baseline's median through this one's, of paired rounds; None for the baseline.
    """

    rows: int
    median_us: float
    low_us: float
    high_us: float
    rounds: int
    speedup: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """Rows answered in a second by `callers` at once, each calling with `rows` rows; median, least and most of slices.

    ratio: to the baseline's, of the medians; None for the baseline.
    """

    rows_per_s: float
    least: float
    most: float
    rows: int
    callers: int
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes that a fresh process grew by: by loading, and by loading and one call of `rows` rows."""

    loaded_bytes: int
    called_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class LoadTime:
    """Microseconds of a fresh load in a process whose runtime is started; median and extremes of `loads`."""

    median_us: float
    least_us: float
    most_us: float
    loads: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured of one candidate. The first candidate, the float32 baseline, has nothing to differ from.

    size_bytes: what a server loads; compressed_bytes: the same by gzip. broken_rows: rows with NaN or infinity in an
    output where float32 answers with numbers; of `checked_rows`. speedup: the geometric mean over the batch sizes.
    """

    name: str
    parameters: int | None
    size_bytes: int
    compressed_bytes: int
    load: LoadTime
    memory: Memory
    latencies: tuple[Latency, ...]
    throughput: Throughput
    accuracy: Accuracy
    difference: Difference | None = None
    agreement: Agreement | None = None
    speedup: Estimate | None = None
    broken_rows: int = 0
    checked_rows: int = 0
