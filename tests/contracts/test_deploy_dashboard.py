"""The Grafana dashboard shows what the gateway exports: every metric, by its name and its labels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.telemetry.names import ALL, METRICS, Kind
from tests.contracts.compose import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "tidegate.json"
_NAME = re.compile(r"\btidegate_[a-z_]+\b")
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_SELECTOR = re.compile(r"(\w+)(?:=~|!=|=)\"")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return document


def targets() -> Iterator[tuple[str, str, str]]:
    """(panel title, expression, legend) of every query."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def series_names() -> dict[str, frozenset[str]]:
    """Names that Prometheus stores, with their labels: a histogram has three."""
    names: dict[str, frozenset[str]] = {}
    for metric in ALL:
        if metric.kind is Kind.HISTOGRAM:
            names[f"{metric.name}_bucket"] = frozenset({*metric.labels, "le"})
            names[f"{metric.name}_sum"] = names[f"{metric.name}_count"] = frozenset(metric.labels)
        else:
            names[metric.name] = frozenset(metric.labels)
    return names


def test_every_query_uses_metrics_and_labels_that_the_gateway_exports() -> None:
    known = series_names()
    for title, expression, legend in targets():
        names = set(_NAME.findall(expression))
        assert names and names <= set(known), f"{title}: {names - set(known)}"
        labels = {label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")}
        labels |= set(_SELECTOR.findall(expression))
        for name in names:
            assert labels <= known[name], f"{title}: {name} has no {labels - known[name]}"
        shown = set(_LEGEND.findall(legend))
        grouped = {label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")}
        assert shown <= (grouped or known[next(iter(names))]), f"{title}: the legend names labels that are summed away"


def test_every_metric_of_the_gateway_is_shown() -> None:
    text = " ".join(expression for _, expression, _ in targets())
    hidden = {name for name in METRICS if name not in text}
    assert not hidden


def test_panels_have_their_own_place_number_and_explanation() -> None:
    panels = dashboard()["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)


def test_panels_ask_the_provisioned_data_source() -> None:
    path = ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}
    assert all(panel["datasource"] == wanted for panel in dashboard()["panels"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian package prometheus) is not installed")
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "1m", expression)}
        for number, (_, expression, _) in enumerate(targets())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    command = ["promtool", "check", "rules", "--lint=none", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
