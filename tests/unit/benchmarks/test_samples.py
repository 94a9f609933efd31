"""Microseconds per answered call, and medians over rounds."""

from __future__ import annotations

import pytest

from benchmarks.samples import Sample, Spread, spread, summarise
from tests.unit.benchmarks.sittings import sample, samples


def test_processor_time_is_shared_among_answered_calls_only() -> None:
    found = Sample("a", "1 x 1", 1, calls=200, answered=100, wall_s=2.0, front_s=0.01, upstream_s=0.03)
    assert (found.front_us, found.upstream_us, found.total_us) == pytest.approx((100, 300, 400))
    assert found.calls_per_s == 50


@pytest.mark.parametrize("answered", [0, 11])
def test_a_measurement_without_answers_or_with_too_many_is_refused(answered: int) -> None:
    with pytest.raises(ValueError, match="answered"):
        Sample("a", "1 x 1", 1, 10, answered, 1.0, 0.0, 0.0)


def test_a_measurement_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="wall_s"):
        Sample("a", "1 x 1", 1, 10, 10, 0.0, 0.0, 0.0)


def test_calls_per_join_counts_client_calls_for_each_upstream_call() -> None:
    assert Sample("a", "1 x 1", 1, 10, 10, 1.0, 0, 0, joined_calls=100, joins=8).calls_per_join == 12.5
    assert sample("a", 1, 1, 1).calls_per_join == 0


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert spread([1.0, 4.0]).median == 2.5


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one round"):
        spread([])


def test_rounds_are_summed_up_by_subject_and_load() -> None:
    found = summarise([*samples(), sample("slow", 1, 0, 999, load="64 x 1")])
    assert [(entry.subject, entry.load) for entry in found] == [
        ("slow", "1 x 1"),
        ("slow-batching", "1 x 1"),
        ("joining", "1 x 1"),
        ("slow", "64 x 1"),
    ]
    joining = found[2]
    assert joining.total_us.median == pytest.approx(50)
    assert (joining.total_us.least, joining.total_us.most) == pytest.approx((40, 60))
    assert joining.calls == 3000
    assert joining.unanswered == 0
