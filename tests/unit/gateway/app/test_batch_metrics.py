"""What the batcher counted is exported under documented names, however often Prometheus asks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from gateway.app.batch_metrics import EVENTS, copy_batch_counts
from gateway.batching.counters import BatchCounters, Leaving
from gateway.telemetry.collector import GAUGES, GatewayCollector, registry_of
from gateway.telemetry.counters import Counters
from gateway.wire.reasons import Unjoined

V3 = {"model": "digits", "version": "3"}


def registry_with(batches: BatchCounters, counters: Counters) -> CollectorRegistry:
    """As a gateway has it: the batcher's counts come in with each scrape."""
    gauges = {metric.name: list for metric in GAUGES}
    return registry_of(GatewayCollector(counters, gauges, lambda: copy_batch_counts(batches, counters)))


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"tidegate_{name}", V3 | labels)


def test_a_batch_is_exported_with_its_rows_its_padding_its_times_and_why_it_left() -> None:
    batches, counters = BatchCounters(), Counters()
    lane = batches.of("digits", 3)
    lane.count_batch(3, 5, 3, 1_500_000, Leaving.SLOT)
    lane.count_batch(2, 8, 0, 250_000, Leaving.FULL)
    lane.slot_time_us += 40_000
    registry = registry_with(batches, counters)
    for _ in range(2):  # a second scrape counts nothing twice
        assert sample(registry, "batch_rows_sum") == 13
        assert sample(registry, "batch_rows_count") == 2
        assert sample(registry, "batch_members_total") == 5
        assert sample(registry, "batch_padding_rows_total") == 3
        assert sample(registry, "batch_queue_seconds_total") == 1.75
        assert sample(registry, "batch_slot_seconds_total") == 0.04
        assert sample(registry, "batch_left_total", reason="slot") == 1
        assert sample(registry, "batch_left_total", reason="full") == 1


def test_every_event_has_a_series_from_the_first_batch_on_so_that_the_first_one_is_an_increase() -> None:
    batches = BatchCounters()
    lane = batches.of("digits", 3)
    registry = registry_with(batches, Counters())
    assert [sample(registry, "batch_events_total", event=event) for event in EVENTS] == [0] * len(EVENTS)
    for number, field in enumerate(EVENTS.values(), 1):
        setattr(lane, field, number)
    assert [sample(registry, "batch_events_total", event=event) for event in EVENTS] == [*range(1, len(EVENTS) + 1)]


def test_calls_that_left_without_a_batch_are_exported_by_the_reason() -> None:
    batches = BatchCounters()
    lane = batches.of("digits", 3)
    lane.expired, lane.cancelled, lane.shed = 1, 2, 3
    batches.of("digits", 4).shed = 10
    registry = registry_with(batches, Counters())
    dropped = [sample(registry, "batch_dropped_total", reason=reason) for reason in ("expired", "cancelled", "shed")]
    assert dropped == [1, 2, 3]
    assert registry.get_sample_value("tidegate_shed_total", {"reason": "batch_queue"}) == 13


def test_a_reason_for_going_alone_that_two_places_count_is_their_sum() -> None:
    batches, counters = BatchCounters(), Counters()
    counters.unjoined.add(("digits", Unjoined.BATCHING_OFF.value), 5)  # the journey's own
    batches.of("digits", 3).count_unjoined(Unjoined.BATCHING_OFF)
    batches.of("digits", 4).count_unjoined(Unjoined.BATCHING_OFF)
    registry = registry_with(batches, counters)
    labels = {"model": "digits", "reason": "batching_off"}
    assert registry.get_sample_value("tidegate_unjoined_total", labels) == 7
    counters.unjoined.add(("digits", Unjoined.BATCHING_OFF.value))
    batches.of("digits", 4).count_unjoined(Unjoined.BATCHING_OFF)
    assert registry.get_sample_value("tidegate_unjoined_total", labels) == 9
