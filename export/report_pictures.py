"""The report's pictures, as SVG to stand inside the page: they take the page's text colour, light or dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.report_drawing import INK, WIDTH_IN, bars, canvas, colour, legend, marker, style, svg

Step = Mapping[str, Any]  # of export.json's "steps"

_MAX_GROUPS = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG element, its caption, and its content in words for those who don't see it."""

    title: str
    svg: str
    words: str


def pictures(content: Mapping[str, Any]) -> list[Picture]:
    """Draw what the content of export.json has figures for."""
    steps: Sequence[Step] = content["steps"]
    drawn = [_latency(steps)]
    if len(steps) > 1:
        drawn.append(_speedups(steps))
    drawn.append(_weights(steps))
    if steps[0]["accuracy"]["ratio"] is not None:
        drawn.append(_accuracy(steps, content["verdict"]))
    groups = (content["pruning"] or {}).get("groups") or []
    return [*drawn, _widths(groups)] if groups else drawn


def _latency(steps: Sequence[Step]) -> Picture:
    figure, axes = canvas(3.2)
    rows = [_rows(batch) for batch in steps[0]["latency"]]
    for place, step in enumerate(steps):
        entries = list(step["latency"].values())
        medians = [one["median_us"] / 1e3 for one in entries]
        errors = [
            [max(middle - one["low_us"] / 1e3, 0) for one, middle in zip(entries, medians, strict=True)],
            [max(one["high_us"] / 1e3 - middle, 0) for one, middle in zip(entries, medians, strict=True)],
        ]
        look = {"color": colour(place), "marker": marker(place), "capsize": 3, "linewidth": 1.6}
        axes.errorbar(rows, medians, errors, label=step["name"], **look)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(rows, [str(one) for one in rows])
    axes.set_xlabel("rows of a call")
    axes.set_ylabel("milliseconds")
    axes.yaxis.set_major_formatter("{x:g}")
    legend(axes)
    words = _by_batch(steps, lambda one: f"{one['median_us'] / 1e3:.3g} ms")
    return Picture("Latency by batch size: median and quartiles", svg(figure, "latency"), words)


def _speedups(steps: Sequence[Step]) -> Picture:
    names = [*steps[0]["latency"]]
    figure, axes = canvas(0.9 + 0.32 * len(names) * (len(steps) - 1) ** 0.7)
    spread = 0.6 / max(len(steps) - 1, 1)
    for place, step in enumerate(steps[1:], 1):
        ratios = [step["latency"][name]["speedup"] for name in names]
        values = [one["value"] for one in ratios]
        heights = [number + spread * (place - len(steps) / 2) for number in range(len(names))]
        axes.errorbar(
            values, heights, xerr=bars(ratios), fmt=marker(place), color=colour(place), label=step["name"], capsize=3
        )  # fmt: skip
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(names)), [f"batch {_rows(name)}" for name in names])
    axes.invert_yaxis()
    axes.set_xlim(left=min(0.9, axes.get_xlim()[0]))
    axes.set_xlabel("times as fast as float32; left of the line is slower")
    if len(steps) > 2:
        legend(axes)
    words = _by_batch(steps[1:], lambda one: f"{one['speedup']['value']:.2f}")
    return Picture("Speed-up over float32: 95 % intervals", svg(figure, "speedup"), words)


def _weights(steps: Sequence[Step]) -> Picture:
    """Three panels, for the scales differ: on disk, compressed, in memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.36 * len(steps)), layout="constrained")
    panels = [
        ("on disk", [step["size_bytes"] / 1e6 for step in steps]),
        ("compressed", [step["compressed_bytes"] / 1e6 for step in steps]),
        ("memory", [step["memory"]["called_bytes"] / 1e6 for step in steps]),
    ]
    for place, (name, values) in enumerate(panels):
        axes = figure.add_subplot(1, 3, place + 1)
        style(axes)
        drawn = axes.barh(
            range(len(steps)), values, color=[colour(number) for number in range(len(steps))], height=0.62
        )
        axes.bar_label(drawn, [f"{value:.3g}" for value in values], padding=3, color=INK, fontsize=9)
        axes.set_xlim(0, max(values) * 1.28 or 1)
        axes.set_yticks(range(len(steps)), [step["name"] for step in steps] if place == 0 else [""] * len(steps))
        axes.invert_yaxis()
        axes.set_title(f"{name}, MB", fontsize=9.5, loc="left", color=INK)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    words = "; ".join(
        f"{step['name']}: {', '.join(f'{name} {values[place]:.3g} MB' for name, values in panels)}"
        for place, step in enumerate(steps)
    )
    return Picture("What it weighs", svg(figure, "weights"), words)


def _accuracy(steps: Sequence[Step], verdict: Mapping[str, Any] | None) -> Picture:
    figure, axes = canvas(0.95 + 0.36 * len(steps))
    for place, step in enumerate(steps):
        ratio = step["accuracy"]["ratio"]
        shown = {key: value * 100 for key, value in ratio.items()}
        axes.errorbar(
            [shown["value"]], [place], xerr=bars([shown]), fmt=marker(place), color=colour(place), capsize=3
        )  # fmt: skip
    if verdict is not None:
        bound = (steps[0]["accuracy"]["ratio"]["value"] - verdict["rules"]["max_accuracy_drop"]) * 100
        axes.axvline(bound, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(steps)), [step["name"] for step in steps])
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.set_xlabel("percent of the held-out rows right" + ("; left of the line is refused" if verdict else ""))
    words = "; ".join(f"{step['name']}: {step['accuracy']['ratio']['value']:.2%}" for step in steps)
    return Picture("Accuracy: 95 % intervals", svg(figure, "accuracy"), words)


def _widths(groups: Sequence[Mapping[str, Any]]) -> Picture:
    shown = groups[:_MAX_GROUPS]
    figure, axes = canvas(0.7 + 0.27 * len(shown))
    places = range(len(shown))
    axes.barh(places, [one["width_before"] for one in shown], color=INK, alpha=0.18, height=0.7, label="before")
    axes.barh(places, [one["width_after"] for one in shown], color=colour(0), height=0.7, label="after")
    names = [_short(" + ".join(one["layers"])) for one in shown]
    axes.set_yticks(places, names, fontsize=8, parse_math=False)  # a layer's name may hold `$`
    axes.invert_yaxis()
    axes.set_xlabel("channels or units")
    legend(axes, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    words = "; ".join(f"{' + '.join(one['layers'])}: {one['width_before']} to {one['width_after']}" for one in shown)
    more = f", the first {_MAX_GROUPS} of {len(groups)} groups" if len(groups) > _MAX_GROUPS else ""
    return Picture(f"Widths before and after pruning{more}", svg(figure, "widths"), words)


def _by_batch(steps: Sequence[Step], words: Callable[[Mapping[str, Any]], str]) -> str:
    return "; ".join(
        f"{step['name']}: {', '.join(f'batch {_rows(batch)} {words(one)}' for batch, one in step['latency'].items())}"
        for step in steps
    )


def _rows(batch: str) -> int:
    """Of `batch_32`."""
    return int(batch.removeprefix("batch_"))


def _short(name: str, most: int = 44) -> str:
    return name if len(name) <= most else f"{name[: most - 3]}..."
