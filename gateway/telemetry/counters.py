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
# Model, method, arm, version, code and outcome of a call that ended; so many places are remembered.
EndedAs = tuple[str, str, str, int | None, str, str | None]


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
    """One counter metric: label values -> count, in whole numbers (`metric.divisor` of them are one unit)."""

    __slots__ = ("_brought", "max_series", "metric", "series")

    def __init__(self, metric: Metric, max_series: int = MAX_SERIES) -> None:
        self.metric = metric
        self.max_series = max_series
        self.series: dict[Labels, int] = {}
        self._brought: dict[Labels, int] = {}  # what `bring` was told last

    def add(self, labels: Labels, count: int = 1) -> None:
        """Count under these label values, in the order of the metric's labels."""
        series = self.series
        if labels in series:
            series[labels] += count
        else:
            series[self.place(labels)] += count

    def bring(self, labels: Labels, total: int) -> None:
        """Bring in what is counted elsewhere, `total` so far; what is counted here under these labels stays."""
        news = total - self._brought.get(labels, 0)
        if news or labels not in self._brought:
            self._brought[labels] = total
            self.add(labels, news)

    def place(self, labels: Labels) -> Labels:
        """The label values under which these are counted: their own, or "(other)" where there are too many."""
        if labels not in self.series:
            if len(self.series) >= self.max_series:
                labels = (names.OVERFLOW,) * len(labels)
            self.series.setdefault(labels, 0)
        return labels


class HistogramFamily:
    """One histogram metric: label values -> Histogram."""

    __slots__ = ("max_series", "metric", "series")

    def __init__(self, metric: Metric, max_series: int = MAX_SERIES) -> None:
        self.metric = metric
        self.max_series = max_series
        self.series: dict[Labels, Histogram] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count a value, in the unit of the metric's name."""
        histogram = self.series.get(labels) or self.place(labels)
        histogram.observe(value)

    def place(self, labels: Labels) -> Histogram:
        """The histogram of these label values, or that of "(other)" where there are too many."""
        if labels not in self.series and len(self.series) >= self.max_series:
            labels = (names.OVERFLOW,) * len(labels)
        return self.series.setdefault(labels, Histogram(self.metric.buckets))


# Labels in `requests` and, if it is judged, in `judged_calls`; its histogram in `request_seconds`.
Places = tuple[Labels, Labels | None, Histogram]


class Counters:
    """All that the gateway counts in one process."""

    __slots__ = (
        "_places",
        "batch_dropped",
        "batch_events",
        "batch_left",
        "batch_members",
        "batch_padding_rows",
        "batch_queue_us",
        "batch_rows",
        "batch_slot_us",
        "config_reloads",
        "judged_calls",
        "request_seconds",
        "requests",
        "retries",
        "shed",
        "shield_refused",
        "suspects",
        "transport_refused",
        "unjoined",
    )

    def __init__(self) -> None:
        self.requests = CounterFamily(names.REQUESTS)
        self.judged_calls = CounterFamily(names.JUDGED_CALLS)
        self.request_seconds = HistogramFamily(names.REQUEST_SECONDS)
        self.batch_rows = HistogramFamily(names.BATCH_ROWS)
        self.batch_members = CounterFamily(names.BATCH_MEMBERS)
        self.batch_padding_rows = CounterFamily(names.BATCH_PADDING_ROWS)
        self.batch_queue_us = CounterFamily(names.BATCH_QUEUE_SECONDS)
        self.batch_slot_us = CounterFamily(names.BATCH_SLOT_SECONDS)
        self.batch_left = CounterFamily(names.BATCH_LEFT)
        self.batch_dropped = CounterFamily(names.BATCH_DROPPED)
        self.batch_events = CounterFamily(names.BATCH_EVENTS)
        self.unjoined = CounterFamily(names.UNJOINED)
        self.retries = CounterFamily(names.RETRIES)
        self.shed = CounterFamily(names.SHED)
        self.shield_refused = CounterFamily(names.SHIELD_REFUSED)
        self.suspects = CounterFamily(names.SUSPECTS)
        self.transport_refused = CounterFamily(names.TRANSPORT_REFUSED)
        self.config_reloads = CounterFamily(names.CONFIG_RELOADS)
        self._places: dict[EndedAs, Places] = {}

    def request_ended(
        self,
        model: str,
        method: str,
        arm: str,
        version: int | None,
        code: str,
        elapsed_us: int,
        outcome: str | None = None,
    ) -> None:
        """A client's call ended; `code` is the gRPC name ("OK"), `version` None when none was reached.

        `outcome`: how it is judged, None if it tells nothing about the version.
        """
        key = (model, method, arm, version, code, outcome)
        labels, judged, seconds = self._places.get(key) or self._find_places(key)
        self.requests.series[labels] += 1
        if judged is not None:
            self.judged_calls.series[judged] += 1
        seconds.observe(elapsed_us / 1e6)

    def _find_places(self, key: EndedAs) -> Places:
        """Where calls that end so are counted, for the next one too."""
        model, method, arm, version, code, outcome = key
        shown = "" if version is None else str(version)
        places = (
            self.requests.place((model, method, arm, shown, code)),
            None if outcome is None else self.judged_calls.place((model, arm, shown, outcome)),
            self.request_seconds.place((model, method)),
        )
        if len(self._places) >= MAX_SERIES:
            self._places.clear()
        self._places[key] = places
        return places

    def families(self) -> tuple[CounterFamily, ...]:
        """Every counter; histograms are `histograms`."""
        return (
            self.requests,
            self.judged_calls,
            self.batch_members,
            self.batch_padding_rows,
            self.batch_queue_us,
            self.batch_slot_us,
            self.batch_left,
            self.batch_dropped,
            self.batch_events,
            self.unjoined,
            self.retries,
            self.shed,
            self.shield_refused,
            self.suspects,
            self.transport_refused,
            self.config_reloads,
        )

    def histograms(self) -> tuple[HistogramFamily, ...]:
        """Every histogram."""
        return (self.request_seconds, self.batch_rows)
