"""Results in Markdown: one table for each load, and what the figures depend on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Conditions, share_of_direct
from benchmarks.samples import Figures, Sample, Spread, other_cores, summarise

HEAD = "| way of the call | front us | model server us | total us | of direct | calls/s | calls per join |"
RULE = "|---|---|---|---|---|---|---|"
QUIET_CORES = 0.2  # other work above which the page says so


def markdown(title: str, conditions: Conditions, samples: Sequence[Sample]) -> str:
    """The whole page."""
    figures = summarise(samples)
    lines = [f"# {title}", "", *_introduction(conditions)]
    for load in dict.fromkeys(entry.load for entry in figures):
        lines += ["", f"## {load} (connections x calls in flight on each)", "", HEAD, RULE]
        lines += [_row(entry, figures, conditions) for entry in of_load(figures, load, conditions)]
    unanswered = sum(entry.unanswered for entry in figures)
    calls = sum(entry.calls for entry in figures)
    lines += ["", f"Calls: {calls:,}, of which without the whole right reply: {unanswered:,}."]
    lines += ["", "## Not measured", "", *(f"- {text}" for text in conditions.not_measured), "", "## Machine", ""]
    return "\n".join([*lines, *conditions_lines(conditions, other_cores(samples)), ""])


def _introduction(conditions: Conditions) -> list[str]:
    return [
        "Processor time (user + system, from the operating system's accounting) of the server processes for each",
        "answered call, in microseconds: median [least to most] of "
        f"{conditions.rounds} round{'s' if conditions.rounds > 1 else ''} of about {conditions.seconds:g} s, all",
        "subjects interleaved in one sitting.",
        "One call: Predict of one float32 row on an MLP 64-128-10, with a timeout. *Front* is the gateway or proxy.",
        "*Of direct*: the total over that of the same model server called directly, in its better setting. Gateways",
        "run as shipped: at most 32 calls in flight on a replica, two joined ones. Compare within this page only.",
    ]


def of_load(figures: Sequence[Figures], load: str, conditions: Conditions) -> list[Figures]:
    """In the order of the titles."""
    found = {entry.subject: entry for entry in figures if entry.load == load}
    return [found[subject] for subject in conditions.titles if subject in found]


def _row(entry: Figures, figures: Sequence[Figures], conditions: Conditions) -> str:
    direct = entry.subject in conditions.directs
    share = share_of_direct(entry, figures, conditions)
    cells = [
        conditions.titles[entry.subject] + (", direct" if direct else ""),
        "-" if direct else spread_text(entry.front_us),
        spread_text(entry.upstream_us),
        f"**{entry.total_us.median:.0f}** [{entry.total_us.least:.0f} to {entry.total_us.most:.0f}]",
        "-" if share is None else f"{share:.2f}",
        f"{entry.calls_per_s.median:,.0f}",
        f"{entry.calls_per_join.median:.1f}" if entry.calls_per_join.most else "-",
    ]
    return f"| {' | '.join(cells)} |"


def spread_text(spread: Spread) -> str:
    """Median and both ends, whole numbers."""
    return f"{spread.median:.0f} [{spread.least:.0f} to {spread.most:.0f}]"


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
