"""Counters count what they are told and stay bounded, whatever clients invent."""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.counters import MAX_SERIES, CounterFamily, Counters, Histogram, HistogramFamily


def test_a_call_is_counted_by_its_labels_and_its_time() -> None:
    counters = Counters()
    counters.request_ended("digits", "Predict", "base", 1, "OK", 1_500)
    counters.request_ended("digits", "Predict", "base", 1, "OK", 2_500)
    counters.request_ended(names.UNKNOWN_MODEL, "Predict", "", None, "NOT_FOUND", 10)
    assert counters.requests.series == {
        ("digits", "Predict", "base", "1", "OK"): 2,
        ("(unknown)", "Predict", "", "", "NOT_FOUND"): 1,
    }
    assert counters.request_seconds.series["digits", "Predict"].total == 0.004


def test_a_judged_call_is_counted_by_its_outcome_too() -> None:
    counters = Counters()
    for code, outcome in (("OK", names.JUDGED_OK), ("OK", names.JUDGED_OK), ("CANCELLED", None)):
        counters.request_ended("digits", "Predict", "base", 1, code, 10, outcome)
    assert counters.judged_calls.series == {("digits", "base", "1", "ok"): 2}
    assert sum(counters.requests.series.values()) == 3


def test_versions_that_clients_invent_are_counted_together_and_not_remembered() -> None:
    counters = Counters()
    for version in range(2 * MAX_SERIES):
        counters.request_ended("digits", "Predict", "version", version, "NOT_FOUND", 10, names.JUDGED_ERROR)
    for family in (counters.requests, counters.judged_calls):
        assert len(family.series) == MAX_SERIES + 1
        assert sum(family.series.values()) == 2 * MAX_SERIES
    assert len(counters._places) <= MAX_SERIES


def test_a_batch_counts_its_rows_and_its_members() -> None:
    counters = Counters()
    counters.batch_rows.observe(("digits", "2"), 5)
    counters.batch_members.add(("digits", "2"), 3)
    assert counters.batch_members.series == {("digits", "2"): 3}
    assert counters.batch_rows.series["digits", "2"].total == 5


def test_a_value_on_a_bucket_edge_belongs_to_that_bucket() -> None:
    histogram = Histogram((1.0, 2.0, 4.0))
    for value in (0.5, 1.0, 1.5, 4.0, 4.1):
        histogram.observe(value)
    assert histogram.counts == [2, 1, 1, 1]


def test_label_values_beyond_the_bound_are_counted_together() -> None:
    family = CounterFamily(names.UNJOINED, max_series=2)
    for number in range(5):
        family.add((f"model{number}", "string"))
    family.add(("model0", "string"))
    assert family.series == {("model0", "string"): 2, ("model1", "string"): 1, ("(other)", "(other)"): 3}


def test_what_is_counted_elsewhere_comes_in_once_and_adds_to_what_is_counted_here() -> None:
    family = CounterFamily(names.UNJOINED)
    family.add(("digits", "string"), 2)
    for total in (3, 3, 10):
        family.bring(("digits", "string"), total)
    family.bring(("digits", "dtype"), 0)
    assert family.series == {("digits", "string"): 12, ("digits", "dtype"): 0}


def test_what_is_counted_elsewhere_is_bounded_too() -> None:
    family = CounterFamily(names.UNJOINED, max_series=1)
    for total in (1, 4):
        for model in ("a", "b", "c"):
            family.bring((model, "string"), total)
    assert family.series == {("a", "string"): 4, ("(other)", "(other)"): 8}


def test_histograms_beyond_the_bound_are_counted_together() -> None:
    family = HistogramFamily(names.REQUEST_SECONDS, max_series=1)
    for number in range(3):
        family.observe((f"model{number}", "Predict"), 1.0)
    assert {labels: sum(histogram.counts) for labels, histogram in family.series.items()} == {
        ("model0", "Predict"): 1,
        ("(other)", "(other)"): 2,
    }


def test_buckets_increase() -> None:
    for metric in names.ALL:
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert bool(metric.buckets) == (metric.kind is names.Kind.HISTOGRAM)
