"""What the figures of the export sitting depend on, and how its page says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.samples import Spread
from benchmarks.table import QUIET_CORES


@dataclass(frozen=True, slots=True)
class Conditions:
    """What results say besides figures. `others`: cores that everything else kept busy while latency was measured."""

    command: str
    started: str
    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    source: Mapping[str, str | bool | None]
    busy_before: float
    rounds: int
    seconds: float
    quick: bool
    took_s: float
    others: Spread
    not_measured: Sequence[str]


def conditions_lines(conditions: Conditions) -> list[str]:
    """As a list."""
    machine, source, others = conditions.machine, conditions.source, conditions.others
    changed = " with changes" if source["changed_since"] else ""
    commit = f"{source['commit']}{changed}" if source["commit"] else "none yet"
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    return [
        f"- {machine['processor']}, {machine['cores']} cores; {machine['memory_gib']} GiB; {machine['system']}",
        f"- everything else on the machine kept {others.median:.2f} [{others.least:.2f} to {others.most:.2f}] cores "
        f"busy while versions were timed side by side{'; **it was not quiet**' if others.median > QUIET_CORES else ''}",
        f"- load average before the start: {conditions.busy_before:g}",
        f"- {versions}",
        f"- commit: {commit}; SHA-256 of the measured sources: {source['source_sha256']}",
        f"- started {conditions.started}; took {conditions.took_s:.0f} s",
        f"- command: `{conditions.command}`",
    ]
