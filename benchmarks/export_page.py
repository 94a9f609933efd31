"""Results of the export sitting in Markdown: goals, met or not, then every variant of each model. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.export_conditions import Conditions, conditions_lines
from benchmarks.export_goals import MANY_ROWS, Goal, counts, goals
from benchmarks.export_models import KINDS
from benchmarks.export_outcome import Figures, Outcome, Sitting, Status
from benchmarks.export_variants import FLOAT32
from benchmarks.samples import Spread
from benchmarks.table import verdict_text

TITLE = "Exports: size, speed and accuracy of every variant, and their goals"
HEAD = (
    "| variant | | size MB | smaller | compressed MB | parameters | accuracy [95 %] | points "
    "| 1 row us | faster | 32 rows us | faster | load ms | memory MB |"
)
RULE = "|---" * 14 + "|"


def markdown(conditions: Conditions, sitting: Sitting) -> str:
    """The whole page."""
    lines = [f"# {TITLE}", "", *_introduction(conditions)]
    if conditions.quick:
        lines += ["", "**A quick trial** (`--quick`): models hardly trained, short rounds. Its figures mean nothing."]
    lines += ["", "## Goals", "", *_goals(goals(sitting))]
    for model in dict.fromkeys(outcome.model for outcome in sitting.outcomes):
        lines += ["", f"## {KINDS[model].title}", "", *_model(model, sitting)]
    found = counts(sitting.outcomes)
    lines += ["", f"Exports: {len(sitting.outcomes)}; " + ", ".join(f"{k} {n}" for k, n in found.items()) + "."]
    lines += ["", "## Not measured", "", *(f"- {text}" for text in conditions.not_measured), "", "## Machine", ""]
    return "\n".join([*lines, *conditions_lines(conditions), ""])


def _introduction(conditions: Conditions) -> list[str]:
    return [
        "Every variant went through `tidegate export` as a user would run it, with its gate. Size (of what a server",
        "loads; compressed by gzip), accuracy on held-out rows with its 95 % interval, time to load and memory (with",
        "a call) are those of the gate. *Points*: of accuracy, against float32. Latency is of one call, all published",
        "versions of a model in turns in one process: median [least to most] of "
        f"{conditions.rounds} rounds of about {conditions.seconds:g} s;",
        "*faster*: than the float32 SavedModel, the ratio of the medians [least to most of the rounds]. What was",
        "refused has the gate's own latency in brackets. Each runs in the runtime that serves it (TensorFlow Lite in",
        "its interpreter), one thread an operation. Held-out rows were used for nothing but measuring. Compare within",
        "this page only.",
    ]


def _goals(found: Sequence[Goal]) -> list[str]:
    lines = ["| what | reached | goal | |", "|---|---|---|---|"]
    for goal in found:
        bound = f"at {'least' if goal.at_least else 'most'} {goal.bound:g}"
        met = "not measured" if goal.met is None else verdict_text(goal.met)
        lines.append(f"| {goal.words} | {_reached(goal)} | {bound} | {met} |")
    return lines


def _reached(goal: Goal) -> str:
    if goal.reached is None:
        return "-"
    digits = 0 if goal.bound == 0 else 2
    return f"**{goal.reached:.{digits}f}**" + (f" {_ends(goal.rounds)}" if goal.rounds else "")


def _ends(spread: Spread) -> str:
    return f"[{spread.least:.2f} to {spread.most:.2f}]"


def _model(model: str, sitting: Sitting) -> list[str]:
    outcomes = [outcome for outcome in sitting.outcomes if outcome.model == model]
    facts = sitting.facts.get(model, {})
    lines = [*_told(facts), HEAD, RULE, *(_row(outcome, sitting) for outcome in outcomes)]
    silent = [outcome for outcome in outcomes if outcome.status is not Status.PUBLISHED]
    if silent:
        lines += ["", *(f"- {one.variant}, {one.status.value}: {one.reason}" for one in silent)]
    return lines


def _told(facts: Mapping[str, int | float | str]) -> list[str]:
    if not facts:
        return []
    return [
        f"{facts['parameters']:,} parameters, trained here for {facts['epochs']} passes. Data: {facts['data']}.",
        "",
    ]


def _row(outcome: Outcome, sitting: Sitting) -> str:
    figures, base = outcome.figures, outcome.baseline
    cells = [outcome.variant, "" if outcome.status is Status.PUBLISHED else f"**{outcome.status.value}**"]
    if figures is None:
        return f"| {' | '.join([*cells, *['-'] * 12])} |"
    cells += [
        f"{figures.size_bytes / 1e6:.3f}",
        _times(base.size_bytes / figures.size_bytes) if base else "",
        _number(figures.compressed_bytes, lambda value: f"{value / 1e6:.3f}"),
        _number(figures.parameters, lambda value: f"{value:,.0f}"),
        accuracy_text(figures),
        points_text(figures, base),
    ]
    for rows in (1, MANY_ROWS):
        cells += _latency(outcome, sitting, rows)
    cells += [
        _number(figures.load_s, lambda value: f"{value * 1e3:.1f}"),
        _number(figures.memory_bytes, lambda value: f"{value / 1e6:.0f}"),
    ]
    return f"| {' | '.join(cells)} |"


def _latency(outcome: Outcome, sitting: Sitting, rows: int) -> list[str]:
    """Microseconds and how many times faster: side by side, or in brackets the gate's own for what was refused."""
    pace = sitting.pace(outcome.model, outcome.variant, FLOAT32, rows)
    if pace is not None:
        us = f"{_us(pace.us.median)} [{_us(pace.us.least)} to {_us(pace.us.most)}]"
        is_base = outcome.variant == FLOAT32
        return [us, "" if is_base else f"**{pace.times_faster.median:.2f}** {_ends(pace.times_faster)}"]
    figures, base = outcome.figures, outcome.baseline
    if figures is None or rows not in figures.latency_us:
        return ["-", "-"]
    gate_us = figures.latency_us[rows]
    known = base is not None and rows in base.latency_us
    return [f"({_us(gate_us)})", f"({base.latency_us[rows] / gate_us:.2f})" if base is not None and known else "-"]


def accuracy_text(figures: Figures) -> str:
    """`98.9 % [98.1 to 99.4]`."""
    if figures.accuracy is None:
        return "-"
    text = f"{figures.accuracy:.2%}".replace("%", " %")
    if figures.accuracy_low is None or figures.accuracy_high is None:
        return text
    return f"{text} [{figures.accuracy_low * 100:.1f} to {figures.accuracy_high * 100:.1f}]"


def points_text(figures: Figures, base: Figures | None) -> str:
    """The change against float32: `-0.29`."""
    if base is None or figures.accuracy is None or base.accuracy is None:
        return ""
    return f"{(figures.accuracy - base.accuracy) * 100:+.2f}"


def _us(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _times(ratio: float) -> str:
    return f"**{ratio:.2f}**"


def _number(value: float | None, words: Callable[[float], str]) -> str:
    return "-" if value is None else words(value)
