"""Results as a picture: a bar for each subject, a panel for each load, SVG written by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.results import Conditions
from benchmarks.samples import Figures

WIDTH, LABEL, VALUE = 860, 330, 80  # pixels; LABEL for the words on the left, VALUE for the number on the right
BAR, GAP, HEAD, FOOT = 16, 6, 30, 34
FRONT, UPSTREAM = "#2a6fb0", "#c9cdd2"


def svg(title: str, conditions: Conditions, figures: Sequence[Figures]) -> str:
    """Median processor time per call: the front's part dark, the model server's light, on one scale for all panels."""
    most = max(entry.total_us.median for entry in figures)
    scale = (WIDTH - LABEL - VALUE) / most
    parts: list[str] = []
    y = HEAD + 12
    for load in dict.fromkeys(entry.load for entry in figures):
        y += 18
        parts.append(_text(LABEL, y, f"{load} (connections x calls in flight on each)", "start", "bold"))
        y += 8
        of_load = {entry.subject: entry for entry in figures if entry.load == load}
        for subject, words in conditions.titles.items():
            if subject in of_load:
                parts += _bar(y, words + (", direct" if subject in conditions.directs else ""), of_load[subject], scale)
                y += BAR + GAP
    parts.append(_legend(y + 16))
    return "\n".join([*_opening(title, y + FOOT), *parts, "</svg>", ""])


def _opening(title: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(12, 24, title, "start", "bold"),
    ]


def _bar(y: int, words: str, entry: Figures, scale: float) -> list[str]:
    front, total = entry.front_us.median * scale, entry.total_us.median * scale
    spread = f"{entry.total_us.least:.0f} to {entry.total_us.most:.0f} us"
    return [
        _text(LABEL - 8, y + 12, words, "end"),
        f'<rect x="{LABEL}" y="{y}" width="{front:.1f}" height="{BAR}" fill="{FRONT}"/>',
        f'<rect x="{LABEL + front:.1f}" y="{y}" width="{max(0.0, total - front):.1f}" height="{BAR}" fill="{UPSTREAM}">'
        f"<title>{spread}</title></rect>",
        _text(LABEL + total + 5, y + 12, f"{entry.total_us.median:.0f} us", "start"),
    ]


def _legend(y: int) -> str:
    return (
        f'<rect x="{LABEL}" y="{y - 10}" width="10" height="10" fill="{FRONT}"/>'
        + _text(LABEL + 15, y, "gateway or proxy", "start")
        + f'<rect x="{LABEL + 130}" y="{y - 10}" width="10" height="10" fill="{UPSTREAM}"/>'
        + _text(LABEL + 145, y, "model server", "start")
    )


def _text(x: float, y: float, words: str, anchor: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
