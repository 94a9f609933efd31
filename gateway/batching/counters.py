"""What batching did, in plain integers; telemetry exports them."""

from __future__ import annotations

import enum
from bisect import bisect_left
from typing import Final

from gateway.wire.reasons import Unjoined

BATCH_ROWS_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Leaving(enum.Enum):
    """Why a batch left its lane when it did."""

    FULL = "full"  # a cap was reached
    SLOT = "slot"  # it waited for a slot, and one became free
    IDLE = "idle"  # a slot was free at once
    TIMEOUT = "timeout"  # batch_timeout_micros passed
    HALF = "half"  # it is part of a joined call that failed


class LaneCounters:
    """Of one model version. `batch_rows` counts batches by the first of BATCH_ROWS_BUCKETS that holds their rows.

    Rows are the callers', without padding; `queue_time_us` is the sum over `members`. A piece of a split request is a
    member like any other, and so is a member of a bisected join, each time it leaves.
    """

    __slots__ = (
        "batch_rows",
        "batches",
        "bisections",
        "called_back",
        "cancelled",
        "expired",
        "joins_failed",
        "joins_uncut",
        "left",
        "members",
        "padding_rows",
        "pieces",
        "poisoned",
        "queue_time_us",
        "rows",
        "shed",
        "slot_time_us",
        "splits",
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
        self.splits = 0  # requests that travelled in pieces
        self.pieces = 0
        self.bisections = 0  # failed joins that were halved
        self.poisoned = 0  # times a lane was set to run unjoined for a while
        self.called_back = 0  # joins nobody waited for any more
        self.slot_time_us = 0  # how long batches held a slot, trials included
        self.left: dict[Leaving, int] = {}

    def count_batch(self, members: int, rows: int, padding_rows: int, queue_time_us: int, leaving: Leaving) -> None:
        self.batches += 1
        self.left[leaving] = self.left.get(leaving, 0) + 1
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
