"""Every variant of every model as one picture: size and speed as bars, accuracy as a point with its interval."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from benchmarks.export_goals import MANY_ROWS
from benchmarks.export_models import KINDS
from benchmarks.export_outcome import Figures, Outcome, Sitting, Status
from benchmarks.export_variants import FLOAT32

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASE, PUBLISHED, REFUSED, WORDS = "#8a9099", "#2a6fb0", "#d98c3f", "#666666"
HEADS: Final = ("times smaller on disk", f"times faster, a call of {MANY_ROWS} rows", "accuracy on held-out rows, %")
BAR_INCHES, PANEL_INCHES, WIDTH_INCHES = 0.27, 0.75, 12.0
Bar = tuple[float, str]  # its length, and the words at its end


def svg(sitting: Sitting) -> str:
    """A row of panels for each model; bars of refused variants are orange, of what isn't possible there are none."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    models = {model: _of(sitting, model) for model in dict.fromkeys(one.model for one in sitting.outcomes)}
    heights = [len(outcomes) * BAR_INCHES + PANEL_INCHES for outcomes in models.values()]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "export", "font.size": 8.5, "axes.linewidth": 0.5}):
        figure = Figure((WIDTH_INCHES, sum(heights) + 0.7), layout="constrained")
        rows = figure.subplots(len(models), 3, sharey="row", squeeze=False, height_ratios=heights)
        for axes, (model, outcomes) in zip(rows, models.items(), strict=True):
            _panels(list(axes), KINDS[model].title, outcomes, sitting)
        figure.suptitle("Exported variants against float32: grey float32, blue published, orange refused by the gate")
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def _of(sitting: Sitting, model: str) -> list[Outcome]:
    return [one for one in sitting.outcomes if one.model == model]


def _panels(axes: Sequence[Axes], title: str, outcomes: Sequence[Outcome], sitting: Sitting) -> None:
    sizes, speeds, points = axes
    _bars(sizes, outcomes, smaller)
    _bars(speeds, outcomes, lambda one: faster(one, sitting))
    _accuracies(points, outcomes)
    for place, one in enumerate(outcomes):
        if one.figures is None:
            _words(sizes, one.status.value, 0, place, WORDS)
    for panel, head in zip(axes, (f"{title}: {HEADS[0]}", *HEADS[1:]), strict=True):
        panel.set_title(head, fontsize=9, loc="left")
        panel.set_yticks(range(len(outcomes)), [one.variant for one in outcomes])
        panel.spines[["top", "right"]].set_visible(False)
    sizes.set_ylim(len(outcomes) - 0.4, -0.6)  # the first on top, for all three


def _bars(panel: Axes, outcomes: Sequence[Outcome], value: Callable[[Outcome], Bar | None]) -> None:
    """From nothing on, with room for the words; a line where float32 stands."""
    found = [(place, one, bar) for place, one in enumerate(outcomes) if (bar := value(one)) is not None]
    for place, one, (length, words) in found:
        panel.barh(place, length, color=colour(one), height=0.72)
        _words(panel, words, length, place)
    panel.set_xlim(0, max([1.0, *(bar[0] for _, _, bar in found)]) * 1.45)
    panel.axvline(1, color=BASE, linewidth=0.7, zorder=0)


def _accuracies(panel: Axes, outcomes: Sequence[Outcome]) -> None:
    """In percent: a point and its interval, on a scale from a little below the lowest."""
    lows = []
    for place, one in enumerate(outcomes):
        if (ends := accuracy_ends(one.figures)) is None:
            continue
        low, middle, high = ends
        lows.append(low)
        panel.plot([low, high], [place, place], color=colour(one), linewidth=1.5)
        panel.plot([middle], [place], marker="o", markersize=4, color=colour(one))
        _words(panel, f"{middle:.1f} [{low:.1f} to {high:.1f}]", high, place)
    least = max(0.0, min(lows, default=0.0) - 0.5)
    panel.set_xlim(least, 100 + (100 - least) * 0.6)
    panel.set_xticks([tick for tick in panel.get_xticks() if least <= tick <= 100])


def _words(panel: Axes, text: str, x: float, place: int, color: str = "black") -> None:
    panel.annotate(text, (x, place), (4, 0), textcoords="offset points", va="center", color=color, fontsize=8)


def smaller(outcome: Outcome) -> Bar | None:
    """How many times smaller than float32, and the size."""
    figures, base = outcome.figures, outcome.baseline or outcome.figures
    if figures is None or base is None:
        return None
    ratio = base.size_bytes / figures.size_bytes
    return ratio, f"{ratio:.2f} ({figures.size_bytes / 1e6:.2f} MB)"


def faster(outcome: Outcome, sitting: Sitting) -> Bar | None:
    """How many times faster than float32, and the time: side by side, or the gate's own for what was refused."""
    pace = sitting.pace(outcome.model, outcome.variant, FLOAT32, MANY_ROWS)
    if pace is not None:
        return pace.times_faster.median, f"{pace.times_faster.median:.2f} ({pace.us.median / 1e3:.2f} ms)"
    figures, base = outcome.figures, outcome.baseline
    if figures is None or base is None or not {MANY_ROWS} <= {*figures.latency_us} & {*base.latency_us}:
        return None
    us = figures.latency_us[MANY_ROWS]
    return base.latency_us[MANY_ROWS] / us, f"{base.latency_us[MANY_ROWS] / us:.2f} ({us / 1e3:.2f} ms, gate)"


def accuracy_ends(figures: Figures | None) -> tuple[float, float, float] | None:
    """In percent: the low end of its interval, itself, the high end; both are itself where no interval is known."""
    if figures is None or figures.accuracy is None:
        return None
    low = figures.accuracy if figures.accuracy_low is None else figures.accuracy_low
    high = figures.accuracy if figures.accuracy_high is None else figures.accuracy_high
    return low * 100, figures.accuracy * 100, high * 100


def colour(outcome: Outcome) -> str:
    """By what it is and how it ended."""
    if outcome.status is not Status.PUBLISHED:
        return REFUSED
    return BASE if outcome.variant == FLOAT32 else PUBLISHED
