"""Brings the batcher's own counts (batching knows no telemetry) into the exported families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.batching.counters import BatchCounters, LaneCounters
from gateway.telemetry.counters import Counters, Histogram
from gateway.telemetry.names import BATCH_ROWS

# Values of the label `event` (docs/metrics.md), and where they are counted; 0 is exported too, so that the first shows.
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "split": "splits",
        "piece": "pieces",
        "trial": "trials",
        "join_failed": "joins_failed",
        "join_uncut": "joins_uncut",
        "bisected": "bisections",
        "poisoned": "poisoned",
        "called_back": "called_back",
        "turned_off": "turned_off",
    }
)


def copy_batch_counts(batches: BatchCounters, counters: Counters) -> None:
    """Bring them up to now; may run any number of times. What the journey counted itself stays."""
    unjoined: Counter[tuple[str, str]] = Counter()
    shed = 0
    for (model, version), lane in batches.by_version.items():
        _copy_lanes((model, str(version)), lane, counters)
        shed += lane.shed
        for reason, count in lane.unjoined.items():
            unjoined[model, reason.value] += count
    for labels, count in unjoined.items():
        counters.unjoined.bring(labels, count)
    if shed:
        counters.shed.bring(("batch_queue",), shed)


def _copy_lanes(labels: tuple[str, str], lane: LaneCounters, counters: Counters) -> None:
    histogram = Histogram(BATCH_ROWS.buckets)
    histogram.counts = list(lane.batch_rows)
    histogram.total = float(lane.rows)
    counters.batch_rows.series[labels] = histogram
    for family, count in (
        (counters.batch_members, lane.members),
        (counters.batch_padding_rows, lane.padding_rows),
        (counters.batch_queue_us, lane.queue_time_us),
        (counters.batch_slot_us, lane.slot_time_us),
    ):
        family.bring(labels, count)
    for leaving, count in lane.left.items():
        counters.batch_left.bring((*labels, leaving.value), count)
    for reason, count in (("expired", lane.expired), ("cancelled", lane.cancelled), ("shed", lane.shed)):
        counters.batch_dropped.bring((*labels, reason), count)
    for event, field in EVENTS.items():
        counters.batch_events.bring((*labels, event), getattr(lane, field))
