"""What a scrape reads is what was counted."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.telemetry.collector import GAUGES, GatewayCollector, Samples, registry_of
from gateway.telemetry.counters import Counters


def no_samples() -> Samples:
    return []


def registry_with(counters: Counters, in_flight: Samples = ()) -> CollectorRegistry:
    gauges = {metric.name: no_samples for metric in GAUGES} | {"tidegate_in_flight": lambda: in_flight}
    return registry_of(GatewayCollector(counters, gauges))


def test_a_counter_is_exported_with_its_labels() -> None:
    counters = Counters()
    counters.shed.add(("max_concurrent_calls",), 7)
    assert registry_with(counters).get_sample_value("tidegate_shed_total", {"reason": "max_concurrent_calls"}) == 7


def test_microseconds_are_exported_as_seconds() -> None:
    counters = Counters()
    counters.batch_queue_us.add(("digits", "1"), 1_250_000)
    labels = {"model": "digits", "version": "1"}
    assert registry_with(counters).get_sample_value("tidegate_batch_queue_seconds_total", labels) == 1.25


def test_histogram_buckets_are_cumulative_and_end_with_all() -> None:
    counters = Counters()
    for rows in (1, 2, 3, 5000):
        counters.batch_rows.observe(("digits", "1"), rows)
        counters.batch_members.add(("digits", "1"))
    registry, labels = registry_with(counters), {"model": "digits", "version": "1"}
    read = [
        registry.get_sample_value("tidegate_batch_rows_bucket", labels | {"le": le})
        for le in ("1.0", "2.0", "4.0", "1024.0", "+Inf")
    ]
    assert read == [1, 2, 3, 3, 4]
    assert registry.get_sample_value("tidegate_batch_rows_sum", labels) == 5006
    assert registry.get_sample_value("tidegate_batch_rows_count", labels) == 4


def test_a_gauge_is_read_at_the_scrape_not_before() -> None:
    in_flight: list[tuple[tuple[str, ...], float]] = []
    registry = registry_with(Counters(), in_flight)
    in_flight.append((("serving", "server:8500"), 3))
    labels = {"upstream": "serving", "replica": "server:8500"}
    assert registry.get_sample_value("tidegate_in_flight", labels) == 3


def test_what_is_counted_elsewhere_is_brought_in_before_each_scrape() -> None:
    counters = Counters()
    gauges = {metric.name: no_samples for metric in GAUGES}
    registry = registry_of(GatewayCollector(counters, gauges, bring_in=lambda: counters.shed.add(("batch_queue",))))
    assert [registry.get_sample_value("tidegate_shed_total", {"reason": "batch_queue"}) for _ in range(2)] == [1, 2]


def test_a_gauge_without_source_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="gauges: got"):
        GatewayCollector(Counters(), {"tidegate_in_flight": no_samples})
