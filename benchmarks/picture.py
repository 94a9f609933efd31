"""Results as a picture: a bar for each subject, a panel for each load, SVG written by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.results import Conditions
from benchmarks.samples import Figures

WIDTH, LABEL, VALUE = 860, 330, 80  # pixels; LABEL for the words on the left, VALUE for the number on the right
BAR, GAP, HEAD, FOOT = 16, 6, 30, 34
FRONT, UPSTREAM = "#2a6fb0", "#c9cdd2"


def svg(title: str, conditions: Conditions, figures: Sequence[Figures], fronts: bool = False) -> str:
    """Median processor time per call: the front's part dark, the model server's light, on one scale for all panels.

    `fronts`: the front's part alone, each panel on a scale of its own.
    """
    parts: list[str] = []
    y = HEAD + 12
    for load in dict.fromkeys(entry.load for entry in figures):
        y += 18
        parts.append(_text(LABEL, y, f"{load} (connections x calls in flight on each)", "start", "bold"))
        y += 8
        of_load = {entry.subject: entry for entry in figures if entry.load == load}
        longest = max(_length_us(entry, fronts) for entry in (of_load.values() if fronts else figures))
        scale = (WIDTH - LABEL - VALUE) / longest
        for subject, words in conditions.titles.items():
            if subject in of_load:
                parts += _bar(
                    y, words + (", direct" if subject in conditions.directs else ""), of_load[subject], scale, fronts
                )
                y += BAR + GAP
    parts.append(_legend(y + 16, fronts))
    return "\n".join([*_opening(title, y + FOOT), *parts, "</svg>", ""])


def _opening(title: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(12, 24, title, "start", "bold"),
    ]


def _length_us(entry: Figures, fronts: bool) -> float:
    """Never 0: processor time is counted in steps, and a bar's length divides."""
    return max((entry.front_us if fronts else entry.total_us).median, 0.1)


def _bar(y: int, words: str, entry: Figures, scale: float, fronts: bool) -> list[str]:
    front, whole = entry.front_us.median * scale, _length_us(entry, fronts) * scale
    shown = entry.front_us if fronts else entry.total_us
    spread = f"{shown.least:.0f} to {shown.most:.0f} us"
    return [
        _text(LABEL - 8, y + 12, words, "end"),
        f'<rect x="{LABEL}" y="{y}" width="{front:.1f}" height="{BAR}" fill="{FRONT}"/>',
        f'<rect x="{LABEL + front:.1f}" y="{y}" width="{max(0.0, whole - front):.1f}" height="{BAR}" fill="{UPSTREAM}">'
        f"<title>{spread}</title></rect>",
        _text(LABEL + whole + 5, y + 12, f"{shown.median:.0f} us", "start"),
    ]


def _legend(y: int, fronts: bool) -> str:
    """What is dark, what is light, and whether panels compare."""
    dark = f'<rect x="{LABEL}" y="{y - 10}" width="10" height="10" fill="{FRONT}"/>'
    if fronts:
        return dark + _text(LABEL + 15, y, "gateway or proxy; each panel has its own scale", "start")
    light = f'<rect x="{LABEL + 130}" y="{y - 10}" width="10" height="10" fill="{UPSTREAM}"/>'
    words = _text(LABEL + 15, y, "gateway or proxy", "start") + _text(LABEL + 145, y, "model server", "start")
    return dark + light + words


def _text(x: float, y: float, words: str, anchor: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
