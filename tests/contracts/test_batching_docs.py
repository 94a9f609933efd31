"""Contract: docs/batching.md explains every reason, state, key and metric of batching, and no other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.app.batch_metrics import EVENTS
from gateway.app.batch_states import OFF, OFF_BY_CONFIGURATION, ON_BY_CONFIGURATION
from gateway.batching.counters import Leaving
from gateway.batching.proof import TRIALS_WANTED, Finding, Proof
from gateway.config.sections import Batching
from gateway.telemetry.names import ALL
from gateway.wire.reasons import Unjoined

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "batching.md").read_text(encoding="utf-8")
METRICS = (DOCS / "metrics.md").read_text(encoding="utf-8")
UNKNOWN_SIGNATURE = "unknown_signature"  # the journey's own reason


def first_cells(page: str, heading: str) -> list[str]:
    """What stands in backticks in the first column of the table after a heading."""
    section = re.split(r"^#+ ", page.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_reason_for_not_joining_is_explained() -> None:
    explained = first_cells(PAGE, "When a call is not joined")
    assert sorted(explained) == sorted([UNKNOWN_SIGNATURE, *[reason.value for reason in Unjoined]])


def test_every_key_is_explained() -> None:
    assert sorted(first_cells(PAGE, "The keys")) == sorted(Batching.model_fields)


def test_every_state_of_a_signature_is_explained() -> None:
    proofs = [Proof(), Proof(), Proof(), Proof()]
    for _ in range(TRIALS_WANTED):
        proofs[1].learn(Finding.SAME, varied=True, reason="")
        proofs[2].learn(Finding.SAME, varied=False, reason="")
    proofs[3].turn_off("answers differ")
    states = {proof.state for proof in proofs} | {OFF, OFF_BY_CONFIGURATION, ON_BY_CONFIGURATION}
    assert len(states) == len(proofs) + 2
    assert sorted(first_cells(PAGE, "Proof before joining")) == sorted(states)
    assert all(f"`{state}`" in METRICS for state in states)


def test_every_reason_for_leaving_and_every_event_is_explained() -> None:
    values = [leaving.value for leaving in Leaving] + list(EVENTS)
    assert [value for value in values if not re.search(rf"`{value}`\s+(\(|and `)", METRICS)] == []


def test_the_page_says_how_to_read_every_metric_of_batching() -> None:
    names = [metric.name for metric in ALL if metric.name.startswith(("tidegate_batch", "tidegate_unjoined"))]
    assert len(names) == 13
    assert [name for name in names if name not in PAGE] == []
    known = {metric.name for metric in ALL}
    used = set(re.findall(r"tidegate_[a-z_]+", PAGE))
    assert {
        name for name in used if name not in known and re.sub(r"_(sum|count|bucket)$", "", name) not in known
    } == set()


def queries() -> list[str]:
    """The PromQL of the page: in its fenced blocks, one expression on each line that is not indented."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    lines = re.sub(r"\n +", " ", re.sub(r" *#.*", "", "".join(blocks))).splitlines()
    return [line for line in lines if line]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian package prometheus) is not installed")
def test_prometheus_understands_every_query_of_the_page(tmp_path: Path) -> None:
    rules = [{"record": f"page:{number}", "expr": query} for number, query in enumerate(queries())]
    assert len(rules) == 11
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    command = ["promtool", "check", "rules", "--lint=none", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
