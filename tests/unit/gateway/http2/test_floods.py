"""Buckets: so many at once, so many a second, and more for those who make calls."""

from __future__ import annotations

import pytest

from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.floods import PER_CALL, Bucket

SECOND_US = 1_000_000


def _take(bucket: Bucket, count: int, now_us: int) -> None:
    for _ in range(count):
        bucket.take(now_us)


def test_a_burst_is_taken_and_one_more_is_not() -> None:
    bucket = Bucket("resets", 10, 1.0)
    _take(bucket, 10, SECOND_US)
    with pytest.raises(ConnectionFault, match="too many resets") as caught:
        bucket.take(SECOND_US)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_time_earns_at_the_rate_that_was_given() -> None:
    bucket = Bucket("resets", 10, 2.0)
    _take(bucket, 10, SECOND_US)
    _take(bucket, 2, 2 * SECOND_US)
    with pytest.raises(ConnectionFault):
        bucket.take(2 * SECOND_US)


def test_no_time_earns_more_than_a_burst() -> None:
    bucket = Bucket("resets", 10, 2.0)
    _take(bucket, 10, SECOND_US)
    _take(bucket, 10, 1000 * SECOND_US)
    with pytest.raises(ConnectionFault):
        bucket.take(1000 * SECOND_US)


def test_a_quiet_time_before_the_first_is_no_credit() -> None:
    bucket = Bucket("resets", 3, 1.0)
    _take(bucket, 3, 1000 * SECOND_US)
    with pytest.raises(ConnectionFault):
        bucket.take(1000 * SECOND_US)


def test_a_rate_within_the_bound_is_taken_for_ever() -> None:
    bucket = Bucket("resets", 2, 10.0)
    for step in range(1000):
        bucket.take(step * 100_000)


def test_calls_earn_more_and_only_once() -> None:
    bucket = Bucket("control frames", 10, 1.0)
    _take(bucket, 10, SECOND_US)
    bucket.calls = 2
    _take(bucket, 2 * PER_CALL, SECOND_US)
    with pytest.raises(ConnectionFault):
        bucket.take(SECOND_US)


def test_calls_earn_no_more_than_a_burst_either() -> None:
    bucket = Bucket("control frames", 10, 1.0)
    _take(bucket, 10, SECOND_US)
    bucket.calls = 1000
    _take(bucket, 10, SECOND_US)
    with pytest.raises(ConnectionFault):
        bucket.take(SECOND_US)
