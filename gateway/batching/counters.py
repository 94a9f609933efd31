"""What batching did, in plain integers; telemetry exports them."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from gateway.wire.reasons import Unjoined

BATCH_ROWS_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class LaneCounters:
    """Of one model version. `batch_rows` counts batches by the first of BATCH_ROWS_BUCKETS that holds their rows.

    Rows are the callers', without padding; `queue_time_us` is the sum over `members`.
    """

    __slots__ = (
        "batch_rows",
        "batches",
        "cancelled",
        "expired",
        "joins_failed",
        "joins_uncut",
        "members",
        "padding_rows",
        "queue_time_us",
        "rows",
        "shed",
        "trials",
        "turned_off",
        "unjoined",
    )

    def __init__(self) -> None:
        self.batches = 0  # sent upstream, lone callers included
        self.members = 0
        self.rows = 0
        self.padding_rows = 0
        self.queue_time_us = 0
        self.batch_rows = [0] * (len(BATCH_ROWS_BUCKETS) + 1)
        self.expired = 0  # left the lane because their deadline passed
        self.cancelled = 0  # left the lane because their caller did
        self.shed = 0
        self.joins_failed = 0
        self.joins_uncut = 0
        self.trials = 0
        self.turned_off = 0
        self.unjoined: dict[Unjoined, int] = {}

    def count_batch(self, members: int, rows: int, padding_rows: int, queue_time_us: int) -> None:
        self.batches += 1
        self.members += members
        self.rows += rows
        self.padding_rows += padding_rows
        self.queue_time_us += queue_time_us
        self.batch_rows[bisect_left(BATCH_ROWS_BUCKETS, rows)] += 1

    def count_unjoined(self, reason: Unjoined) -> None:
        self.unjoined[reason] = self.unjoined.get(reason, 0) + 1


class BatchCounters:
    """By (model, version): only versions that have signatures get here, so clients cannot make them up."""

    __slots__ = ("by_version",)

    def __init__(self) -> None:
        self.by_version: dict[tuple[str, int], LaneCounters] = {}

    def of(self, model: str, version: int) -> LaneCounters:
        counters = self.by_version.get((model, version))
        if counters is None:
            counters = self.by_version[model, version] = LaneCounters()
        return counters
