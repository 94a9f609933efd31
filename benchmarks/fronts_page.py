"""Results of the sitting of fronts in Markdown: figures, ratios beside their goals, footprints. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import goals
from benchmarks.footprint import Footprint
from benchmarks.goals import Ratio
from benchmarks.results import Conditions
from benchmarks.samples import Figures, Sample, other_cores, summarise
from benchmarks.table import conditions_lines, of_load, spread_text, verdict_text

HEAD = "| front | front us | model server us | calls/s | p50 us |"
RULE = "|---|---|---|---|---|"


def markdown(title: str, conditions: Conditions, samples: Sequence[Sample], footprints: Sequence[Footprint]) -> str:
    """The whole page."""
    figures = summarise(samples)
    lines = [f"# {title}", "", *_introduction(conditions), "", "## Ratios", "", *_ratios(conditions, samples)]
    for load in dict.fromkeys(entry.load for entry in figures):
        lines += ["", f"## {load} (connections x calls in flight on each)", "", HEAD, RULE]
        lines += [_row(entry, conditions) for entry in of_load(figures, load, conditions)]
    unanswered = sum(entry.unanswered for entry in figures)
    lines += ["", f"Calls: {sum(entry.calls for entry in figures):,}, without the whole right reply: {unanswered:,}."]
    lines += ["", "## Start and memory of the gateway", "", *_footprints(footprints, conditions)]
    lines += ["", "## Not measured", "", *(f"- {text}" for text in conditions.not_measured), "", "## Machine", ""]
    return "\n".join([*lines, *conditions_lines(conditions, other_cores(samples)), ""])


def _introduction(conditions: Conditions) -> list[str]:
    return [
        "Processor time (user + system, from the operating system's accounting) of the front's process for each",
        "answered call, in microseconds: median [least to most] of "
        f"{conditions.rounds} round{'s' if conditions.rounds > 1 else ''} of about {conditions.seconds:g} s, all",
        "fronts interleaved in one sitting, one worker each, the same fast upstream, nothing joined (batching off).",
        "One call: Predict of one float32 row, of 64 values (304 bytes) or of 150,000 (600 kB), with a timeout.",
        "Gateways run as shipped otherwise: routing, signature check, deadlines, metrics and bounds on, 32 calls in",
        "flight on a replica. Compare within this page only.",
    ]


def _ratios(conditions: Conditions, samples: Sequence[Sample]) -> list[str]:
    """For each of ours that was measured a table: a row for each load, a column for each peer."""
    processor, p50 = goals.processor_ratios(samples), goals.p50_ratios(samples)
    if not processor:
        return [f"None: {' or '.join(goals.OURS)} and a peer are needed for one."]
    lines = [
        "Ours over each peer: of the medians [least to most of the rounds], and the goal. Below 1 ours costs less."
    ]
    for ours in dict.fromkeys(ratio.ours for ratio in processor):
        of_ours = [ratio for ratio in processor if ratio.ours == ours]
        lines += _ratio_table(conditions, ours, of_ours, [ratio for ratio in p50 if ratio.ours == ours])
    return lines


def _ratio_table(conditions: Conditions, ours: str, processor: Sequence[Ratio], p50: Sequence[Ratio]) -> list[str]:
    peers = list(dict.fromkeys(ratio.peer for ratio in processor))
    lines = [
        "",
        f"Ours: {conditions.titles[ours]}.",
        "",
        f"| load | {' | '.join(conditions.titles[peer] for peer in peers)} |",
        "|---" * (len(peers) + 1) + "|",
    ]
    rows = [(load, [r for r in processor if r.load == load]) for load in dict.fromkeys(r.load for r in processor)]
    for words, found in [*rows, (f"p50 at {goals.P50_LOAD}", list(p50))]:
        of_peer = {ratio.peer: ratio_text(ratio) for ratio in found}
        lines.append(f"| {words} | {' | '.join(of_peer.get(peer, '-') for peer in peers)} |")
    return lines


def ratio_text(ratio: Ratio) -> str:
    """`0.83 [0.80 to 0.91], goal 1.0: met`."""
    text = f"**{ratio.of_medians:.2f}** [{ratio.rounds.least:.2f} to {ratio.rounds.most:.2f}]"
    return text if ratio.goal is None else f"{text}, goal {ratio.goal:g}: {verdict_text(bool(ratio.met))}"


def _row(entry: Figures, conditions: Conditions) -> str:
    cells = [
        conditions.titles[entry.subject],
        f"**{entry.front_us.median:.1f}** [{entry.front_us.least:.1f} to {entry.front_us.most:.1f}]",
        spread_text(entry.upstream_us),
        f"{entry.calls_per_s.median:,.0f}",
        spread_text(entry.p50_us) if entry.load == goals.P50_LOAD else "-",
    ]
    return f"| {' | '.join(cells)} |"


def _footprints(footprints: Sequence[Footprint], conditions: Conditions) -> list[str]:
    bounds = {
        "ready after start, s": ("ready_s", goals.READY_S),
        "memory at rest, MB": ("fresh_mb", goals.MEMORY_MB),
        "memory after all loads, MB": ("loaded_mb", goals.MEMORY_MB),
        "each of 1,000 idle connections, kB": ("idle_connection_kb", goals.IDLE_CONNECTION_KB),
    }
    lines = [f"| front | {' | '.join(bounds)} |", "|---" * (len(bounds) + 1) + "|"]
    for footprint in footprints:
        ours = footprint.front in goals.OURS
        cells = [_bounded(float(getattr(footprint, name)), most, ours) for name, most in bounds.values()]
        lines.append(f"| {conditions.titles[footprint.front]} | {' | '.join(cells)} |")
    return lines


def _bounded(value: float, most: float, ours: bool) -> str:
    return f"{value:g}, goal {most:g}: {verdict_text(value <= most)}" if ours else f"{value:g}"
