"""Brings the batcher's own counts (batching knows no telemetry) into the exported families."""

from __future__ import annotations

from gateway.batching.counters import BatchCounters
from gateway.telemetry.counters import Counters, Histogram
from gateway.telemetry.names import BATCH_ROWS


def copy_batch_counts(batches: BatchCounters, counters: Counters) -> None:
    """Overwrite, so that it may run any number of times; reasons for not joining are added to the journey's own."""
    for (model, version), lane in batches.by_version.items():
        labels = (model, str(version))
        histogram = Histogram(BATCH_ROWS.buckets)
        histogram.counts = list(lane.batch_rows)
        histogram.total = float(lane.rows)
        counters.batch_rows.series[labels] = histogram
        counters.batch_members.series[labels] = lane.members
    for model in {model for model, _ in batches.by_version}:
        of_model = [lane for (name, _), lane in batches.by_version.items() if name == model]
        for reason in {reason for lane in of_model for reason in lane.unjoined}:
            count = sum(lane.unjoined.get(reason, 0) for lane in of_model)
            counters.unjoined.series[model, reason.value] = count
    shed = sum(lane.shed for lane in batches.by_version.values())
    if shed:
        counters.shed.series[("batch_queue",)] = shed
