"""Promises of batching/counters.py: plain sums, by model and version."""

from __future__ import annotations

from gateway.batching.counters import BATCH_ROWS_BUCKETS, BatchCounters, Leaving
from gateway.wire.reasons import Unjoined


def test_batches_are_summed_and_bucketed_by_rows() -> None:
    counters = BatchCounters().of("digits", 7)
    for rows in (1, 2, 3, 64, 1024, 1025):
        counters.count_batch(members=2, rows=rows, padding_rows=1, queue_time_us=10, leaving=Leaving.SLOT)
    assert (counters.batches, counters.members, counters.padding_rows, counters.queue_time_us) == (6, 12, 6, 60)
    assert counters.left == {Leaving.SLOT: 6}
    assert counters.rows == 1 + 2 + 3 + 64 + 1024 + 1025
    filled = {bucket: count for bucket, count in zip(BATCH_ROWS_BUCKETS, counters.batch_rows, strict=False) if count}
    assert filled == {1: 1, 2: 1, 4: 1, 64: 1, 1024: 1}
    assert counters.batch_rows[-1] == 1


def test_reasons_are_counted_one_by_one() -> None:
    counters = BatchCounters().of("digits", 7)
    for reason in (Unjoined.STRING, Unjoined.STRING, Unjoined.SCALAR):
        counters.count_unjoined(reason)
    assert counters.unjoined == {Unjoined.STRING: 2, Unjoined.SCALAR: 1}


def test_each_version_of_each_model_counts_for_itself() -> None:
    counters = BatchCounters()
    assert counters.of("digits", 7) is counters.of("digits", 7)
    assert counters.of("digits", 8) is not counters.of("digits", 7)
    assert set(counters.by_version) == {("digits", 7), ("digits", 8)}
