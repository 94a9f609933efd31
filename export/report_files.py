"""Write report.json and report.html beside export.json: the same facts with how they were measured, and to look at."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.gate import timing
from export.gate.bounds import LEAST_AGREEMENT, LEAST_SHRINKING, LEAST_SPEEDUP
from export.gate.statistics import CONFIDENCE
from export.report_page import page

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"
_CPU_FACTS = Path("/proc/cpuinfo")  # Linux


def write_reports(version_dir: Path, content: Mapping[str, Any]) -> None:
    """Write both into a folder that isn't published yet; content: export.json's. Raises: OSError."""
    whole = {**content, "measuring": measuring()}
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    (version_dir / REPORT_JSON).write_text(text + "\n", encoding="utf-8")
    (version_dir / REPORT_HTML).write_text(page(whole), encoding="utf-8")


def measuring() -> dict[str, object]:
    """Where and how the figures were taken, without the machine's name."""
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "threads_of_an_operation": 1,
        "latency_budget_s": timing.LATENCY_S,
        "max_rounds": timing.MAX_ROUNDS,
        "min_rounds": timing.MIN_ROUNDS,
        "loads": timing.LOADS,
        "throughput_slices": timing.SLICES,
        "throughput_slice_s": timing.SLICE_S,
        "confidence": CONFIDENCE,
        "least_speedup": LEAST_SPEEDUP,
        "least_shrinking": LEAST_SHRINKING,
        "least_agreement": LEAST_AGREEMENT,
    }


def _processor() -> str | None:
    """The processor's model in its maker's words; None where the system doesn't say."""
    if not _CPU_FACTS.is_file():
        return platform.processor() or None
    for line in _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return None
