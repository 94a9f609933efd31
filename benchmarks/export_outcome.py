"""What came of one export of the sitting, and the times measured side by side. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.samples import Spread, spread


class Status(enum.Enum):
    """How an export ended.

    Published; refused by the gate, with its numbers; not possible for this model; failed, which tells nothing of it.
    """

    PUBLISHED = "published"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one version, as the gate measured it. Sizes in bytes, latencies in microseconds by rows of a call.

    `accuracy`: share of the held-out rows; `accuracy_low` and `accuracy_high` its 95 % confidence interval.
    """

    size_bytes: int
    compressed_bytes: int | None
    parameters: int | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    load_s: float | None
    memory_bytes: int | None
    latency_us: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One export. `baseline`: float32, measured in turns with it. Both figures are None where the gate gave none.

    `reason`: of what isn't published, in the exporter's words. `verdict`: the gate's words, where it gave some.
    """

    model: str
    variant: str
    status: Status
    seconds: float
    reason: str | None = None
    figures: Figures | None = None
    baseline: Figures | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """Median microseconds of a call of `rows` rows in one round, all versions of the model in turns."""

    model: str
    variant: str
    rows: int
    round: int
    median_us: float


@dataclass(frozen=True, slots=True)
class Pace:
    """A variant beside the others of its model: microseconds, and how many times faster than float32 in each round."""

    us: Spread
    times_faster: Spread


@dataclass(frozen=True, slots=True)
class Sitting:
    """All that one sitting found. `facts`: by model, of its training and its data."""

    outcomes: Sequence[Outcome]
    timed: Sequence[Timed]
    facts: Mapping[str, Mapping[str, int | float | str]] = field(default_factory=dict)

    def outcome(self, model: str, variant: str) -> Outcome | None:
        """None when it wasn't tried."""
        return next((one for one in self.outcomes if (one.model, one.variant) == (model, variant)), None)

    def rounds(self, model: str, variant: str, rows: int) -> dict[int, float]:
        """Microseconds by round; empty when it wasn't measured."""
        return {
            one.round: one.median_us
            for one in self.timed
            if (one.model, one.variant, one.rows) == (model, variant, rows)
        }

    def pace(self, model: str, variant: str, baseline: str, rows: int) -> Pace | None:
        """Of medians; None unless both were measured in the same rounds."""
        ours, theirs = self.rounds(model, variant, rows), self.rounds(model, baseline, rows)
        shares = [theirs[number] / ours[number] for number in ours if number in theirs]
        if not shares:
            return None
        us, base = spread(list(ours.values())), spread(list(theirs.values()))
        ratios = spread(shares)
        return Pace(us, Spread(base.median / us.median, ratios.least, ratios.most))
