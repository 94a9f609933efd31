"""What all pictures of the report share: canvas, colours, error bars, and the way from matplotlib to a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito's palette: told apart by the colour-blind, and visible on white and on black.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#010203"  # stands for the page's text colour until the SVG is written
WIDTH_IN = 7.2
_FONT = re.compile(r"font: ([\d.]+)px [^;\"]*")
_IDS = re.compile(r'(id="|url\(#|xlink:href="#)')


def colour(place: int) -> str:
    """Of the step at `place`; repeated after six."""
    return _COLOURS[place % len(_COLOURS)]


def marker(place: int) -> str:
    """A second way to tell steps apart."""
    return _MARKERS[place % len(_MARKERS)]


def canvas(height_in: float) -> tuple[Any, Any]:
    """A figure and its one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def style(axes: Any) -> None:
    """Only what is needed to read values, in the page's text colour."""
    axes.set_facecolor("none")
    axes.tick_params(which="both", colors=INK, labelsize=9, length=3)
    axes.tick_params(axis="y", which="both", length=0)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(INK)
        label.set_fontsize(9.5)
    axes.grid(visible=True, axis="x", color=INK, alpha=0.12, linewidth=0.7)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(INK)
        spine.set_alpha(0.5)


def legend(axes: Any, **place: Any) -> None:
    """Without a frame, in the page's text colour."""
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, **place)


def bars(estimates: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Error bars, (2, n), of estimates with `value`, `low`, `high`."""
    return [
        [max(one["value"] - one["low"], 0.0) for one in estimates],
        [max(one["high"] - one["value"], 0.0) for one in estimates],
    ]


def svg(figure: Any, name: str) -> str:
    """The figure as an SVG element: texts stay texts, colours follow the page, identifiers are this picture's own."""
    import matplotlib

    out = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg\b[^>]*?) width="[^"]*"| height="[\d.]+pt"', r"\1", text)
    text = _FONT.sub(r"font: \1px system-ui, sans-serif", text)
    text = _IDS.sub(lambda found: f"{found.group(1)}{name}-", text)
    return text.replace(INK, "currentColor")
