"""Parts of the pages of results: figures in words, and what they depend on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Conditions
from benchmarks.samples import Figures, Spread

QUIET_CORES = 0.2  # other work above which the page says so


def of_load(figures: Sequence[Figures], load: str, conditions: Conditions) -> list[Figures]:
    """In the order of the titles."""
    found = {entry.subject: entry for entry in figures if entry.load == load}
    return [found[subject] for subject in conditions.titles if subject in found]


def spread_text(spread: Spread) -> str:
    """Median and both ends, whole numbers."""
    return f"{spread.median:.0f} [{spread.least:.0f} to {spread.most:.0f}]"


def verdict_text(met: bool) -> str:
    """On a goal, in a word or two."""
    return "met" if met else "**not met**"


def conditions_lines(conditions: Conditions, others: Spread) -> list[str]:
    """What the figures depend on."""
    machine, source = conditions.machine, conditions.source
    changed = " with changes" if source["changed_since"] else ""
    commit = f"{source['commit']}{changed}" if source["commit"] else "none yet"
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    return [
        f"- {machine['processor']}, {machine['cores']} cores shared by load generator, gateway and model server; "
        f"{machine['memory_gib']} GiB; {machine['system']}; loopback",
        f"- everything else on the machine kept {others.median:.2f} [{others.least:.2f} to {others.most:.2f}] cores "
        f"busy during the measurements{'; **it was not quiet**' if others.median > QUIET_CORES else ''}",
        f"- load average before the start: {conditions.busy_before:g}",
        f"- {versions}",
        f"- commit: {commit}; SHA-256 of the measured sources: {source['source_sha256']}",
        f"- generator: {conditions.generator}; started {conditions.started}",
        f"- command: `{conditions.command}`",
    ]
