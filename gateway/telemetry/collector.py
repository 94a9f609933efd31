"""Hands counters and gauges to prometheus_client when a scrape asks; between scrapes it costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.telemetry import names
from gateway.telemetry.counters import CounterFamily, Counters, HistogramFamily, Labels

# Label values, in the order of the metric's labels, and the value.
Samples = Iterable[tuple[Labels, float]]

GAUGES = (
    names.IN_FLIGHT,
    names.BATCHING_STATE,
    names.BATCH_POISONED_LANES,
    names.BATCH_SLOTS,
    names.BATCH_SLOTS_IN_USE,
    names.REPLICA_UP,
    names.VERSION_AVAILABLE,
    names.ROLLOUT_PERCENT,
    names.CONNECTIONS,
    names.BUFFERED_BYTES,
    names.BUILD_INFO,
)


class GatewayCollector(Collector):
    """Exports `counters`, and each gauge in GAUGES from its source, called at every scrape.

    Raises: ValueError when `gauges` (by full metric name) isn't exactly the set of GAUGES.
    """

    def __init__(
        self,
        counters: Counters,
        gauges: Mapping[str, Callable[[], Samples]],
        bring_in: Callable[[], None] | None = None,
    ) -> None:
        wanted = {metric.name for metric in GAUGES}
        if gauges.keys() != wanted:
            raise ValueError(f"gauges: got {sorted(gauges)}, wanted {sorted(wanted)}")
        self._counters = counters
        self._gauges = dict(gauges)
        self._bring_in = bring_in  # copies counts that are kept elsewhere into `counters`, before each scrape

    def collect(self) -> Iterator[Metric]:
        if self._bring_in is not None:
            self._bring_in()
        for family in self._counters.families():
            yield _counter(family)
        for histograms in self._counters.histograms():
            yield _histogram(histograms)
        for metric in GAUGES:
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in self._gauges[metric.name]():
                gauge.add_metric(labels, value)
            yield gauge

    def describe(self) -> list[Metric]:
        """Empty: registering must not call the gauges' sources, which may not be ready yet."""
        return []


def registry_of(collector: GatewayCollector) -> CollectorRegistry:
    """A registry with this collector alone: nothing is exported that names.py doesn't name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def _counter(family: CounterFamily) -> Metric:
    metric = CounterMetricFamily(family.metric.name, family.metric.help, labels=family.metric.labels)
    divisor = family.metric.divisor
    for labels, count in family.series.items():
        metric.add_metric(labels, count if divisor == 1 else count / divisor)
    return metric


def _histogram(family: HistogramFamily) -> Metric:
    metric = HistogramMetricFamily(family.metric.name, family.metric.help, labels=family.metric.labels)
    bounds = [*(str(float(bound)) for bound in family.metric.buckets), "+Inf"]
    for labels, histogram in family.series.items():
        metric.add_metric(
            labels, list(zip(bounds, accumulate(histogram.counts), strict=True)), sum_value=histogram.total
        )
    return metric
