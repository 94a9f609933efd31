"""Contract: the metrics named in names.py, those exported and those explained in docs/metrics.md are the same."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry import names
from gateway.telemetry.collector import GAUGES, GatewayCollector, Samples, registry_of
from gateway.telemetry.counters import Counters
from gateway.telemetry.names import ALL, METRICS, Metric

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(tidegate_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
SUFFIXES = {"counter": "_total", "gauge": "", "histogram": ""}


def full_registry() -> CollectorRegistry:
    """Every counter, histogram and gauge with one sample."""
    counters = Counters()
    for family in counters.families():
        family.add(tuple(f"a-{label}" for label in family.metric.labels))
    for histograms in counters.histograms():
        histograms.observe(tuple(f"a-{label}" for label in histograms.metric.labels), 1.0)
    return registry_of(GatewayCollector(counters, {metric.name: partial(one_sample, metric) for metric in GAUGES}))


def one_sample(metric: Metric) -> Samples:
    return [(tuple(f"a-{label}" for label in metric.labels), 1.0)]


def test_what_is_exported_is_exactly_what_is_named() -> None:
    text = generate_latest(full_registry()).decode()
    exported = {
        (
            family.name + SUFFIXES[family.type],
            family.type,
            frozenset(family.samples[0].labels) - {"le"},
        )
        for family in text_string_to_metric_families(text)
    }
    assert exported == {(metric.name, metric.kind.value, frozenset(metric.labels)) for metric in ALL}


def test_every_metric_is_documented_with_its_type_labels_and_meaning_and_no_other_is() -> None:
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall(PAGE)
    }
    assert documented == {metric.name: (metric.kind.value, metric.labels, metric.help) for metric in ALL}


def test_every_name_is_ours_and_named_once() -> None:
    assert len(METRICS) == len(ALL)
    assert all(name.startswith("tidegate_") for name in METRICS)
    assert all(metric.name.endswith("_total") == (metric.kind is names.Kind.COUNTER) for metric in ALL)
