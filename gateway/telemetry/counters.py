"""Counters of the hot path: plain integers in dicts keyed by label values; nothing here knows Prometheus.

Bounds. A client can invent model names and versions, so every family holds at most MAX_SERIES series; what comes after
is counted under "(other)" in every label. Callers put UNKNOWN_MODEL where a name isn't one that the gateway knows.
One event loop writes; a reader on the same loop sees a consistent state.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from gateway.telemetry import names
from gateway.telemetry.names import Metric

MAX_SERIES: Final = 10_000  # for each family

Labels = tuple[str, ...]


class Histogram:
    """Counts by fixed buckets: `counts[i]` for values <= buckets[i], the last for all above; and the sum."""

    __slots__ = ("buckets", "counts", "total")

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self.buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.buckets, value)] += 1
        self.total += value


class CounterFamily:
    """One counter metric: label values -> count."""

    __slots__ = ("max_series", "metric", "series")

    def __init__(self, metric: Metric, max_series: int = MAX_SERIES) -> None:
        self.metric = metric
        self.max_series = max_series
        self.series: dict[Labels, int] = {}

    def add(self, labels: Labels, count: int = 1) -> None:
        """Count under these label values, in the order of the metric's labels."""
        series = self.series
        if labels in series:
            series[labels] += count
        else:
            if len(series) >= self.max_series:
                labels = (names.OVERFLOW,) * len(labels)
            series[labels] = series.get(labels, 0) + count


class HistogramFamily:
    """One histogram metric: label values -> Histogram."""

    __slots__ = ("max_series", "metric", "series")

    def __init__(self, metric: Metric, max_series: int = MAX_SERIES) -> None:
        self.metric = metric
        self.max_series = max_series
        self.series: dict[Labels, Histogram] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count a value, in the unit of the metric's name."""
        histogram = self.series.get(labels)
        if histogram is None:
            if len(self.series) >= self.max_series:
                labels = (names.OVERFLOW,) * len(labels)
            histogram = self.series.setdefault(labels, Histogram(self.metric.buckets))
        histogram.observe(value)


class Counters:
    """All that the gateway counts in one process."""

    __slots__ = (
        "batch_members",
        "batch_rows",
        "config_reloads",
        "judged_calls",
        "request_seconds",
        "requests",
        "retries",
        "shed",
        "shield_refused",
        "suspects",
        "unjoined",
    )

    def __init__(self) -> None:
        self.requests = CounterFamily(names.REQUESTS)
        self.judged_calls = CounterFamily(names.JUDGED_CALLS)
        self.request_seconds = HistogramFamily(names.REQUEST_SECONDS)
        self.batch_rows = HistogramFamily(names.BATCH_ROWS)
        self.batch_members = CounterFamily(names.BATCH_MEMBERS)
        self.unjoined = CounterFamily(names.UNJOINED)
        self.retries = CounterFamily(names.RETRIES)
        self.shed = CounterFamily(names.SHED)
        self.shield_refused = CounterFamily(names.SHIELD_REFUSED)
        self.suspects = CounterFamily(names.SUSPECTS)
        self.config_reloads = CounterFamily(names.CONFIG_RELOADS)

    def request_ended(self, model: str, method: str, arm: str, version: int | None, code: str, elapsed_us: int) -> None:
        """A client's call ended; `code` is the gRPC name ("OK"), `version` None when none was reached."""
        self.requests.add((model, method, arm, "" if version is None else str(version), code))
        self.request_seconds.observe((model, method), elapsed_us / 1e6)

    def families(self) -> tuple[CounterFamily, ...]:
        """Every counter; histograms are `histograms`."""
        return (
            self.requests,
            self.judged_calls,
            self.batch_members,
            self.unjoined,
            self.retries,
            self.shed,
            self.shield_refused,
            self.suspects,
            self.config_reloads,
        )

    def histograms(self) -> tuple[HistogramFamily, ...]:
        """Every histogram."""
        return (self.request_seconds, self.batch_rows)
