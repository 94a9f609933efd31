"""The table of steps for people, made of the JSON of their figures: one for terminal, refusal and page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Step = Mapping[str, Any]  # figures_json
INTERVAL = "  95 % interval"


def step_rows(steps: Sequence[Step]) -> list[list[str]]:
    """Heading and rows: the figure's name, then its value in every step; float32 first. Ratios stand in brackets."""
    rows = [["", *(str(step["name"]) for step in steps)]]
    rows.append(["size on disk", *_with_ratio(steps, "size_bytes", size_words)])
    rows.append(["compressed", *_with_ratio(steps, "compressed_bytes", size_words)])
    if any(step["parameters"] is not None for step in steps):
        rows.append(["parameters", *("-" if s["parameters"] is None else f"{s['parameters']:,}" for s in steps)])
    rows.append(["memory", *(size_words(step["memory"]["called_bytes"]) for step in steps)])
    rows.append(["load time", *(time_words(step["load"]["median_us"]) for step in steps)])
    for batch in steps[0]["latency"]:
        rows.append([f"latency, {batch.replace('_', ' ')}", *(_latency(step["latency"][batch]) for step in steps)])
    rows.append([_throughput_name(steps[0]), *(_throughput(step["throughput"]) for step in steps)])
    if steps[0]["accuracy"]["ratio"] is not None:
        ratios = [step["accuracy"]["ratio"] for step in steps]
        rows.append(["accuracy", *(f"{one['value'] * 100:.2f} %" for one in ratios)])
        rows.append([INTERVAL, *(f"{one['low'] * 100:.1f} to {one['high'] * 100:.1f} %" for one in ratios)])
    if any(step["difference"] is not None for step in steps):
        differences = [step["difference"] and step["difference"]["ratio"] for step in steps]
        rows.append(["difference, points", *(_points(one, "value") for one in differences)])
        rows.append([INTERVAL, *(_points(one, "low", "high") for one in differences)])
    if any(step["agreement"] is not None for step in steps):
        rows.append(["answers as float32", *(_agreement(step["agreement"]) for step in steps)])
    return rows


def plain_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of aligned columns: names to the left, values to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def size_words(size_bytes: float) -> str:
    """`0.52 MB`, `18 kB`: powers of ten."""
    if size_bytes < 1e5:
        return f"{size_bytes / 1e3:.1f} kB"
    return f"{size_bytes / 1e6:.2f} MB" if size_bytes < 1e8 else f"{size_bytes / 1e6:,.0f} MB"


def time_words(microseconds: float) -> str:
    """`103 us`, `1.41 ms`, `2.10 s`."""
    if microseconds < 1e3:
        return f"{microseconds:.0f} us"
    return f"{microseconds / 1e3:.2f} ms" if microseconds < 1e6 else f"{microseconds / 1e6:.2f} s"


def _with_ratio(steps: Sequence[Step], key: str, words: Any) -> list[str]:
    first = steps[0][key]
    ratios = ["", *(f" ({first / step[key]:.2f}x)" if step[key] else "" for step in steps[1:])]
    return [words(step[key]) + ratio for step, ratio in zip(steps, ratios, strict=True)]


def _latency(one: Mapping[str, Any]) -> str:
    speedup = one["speedup"]
    return time_words(one["median_us"]) + (f" ({speedup['value']:.2f}x)" if speedup else "")


def _throughput_name(step: Step) -> str:
    flow = step["throughput"]
    return f"rows/s, {flow['callers']} callers"


def _throughput(flow: Mapping[str, Any]) -> str:
    return f"{flow['rows_per_s']:,.0f}" + (f" ({flow['ratio']:.2f}x)" if flow["ratio"] is not None else "")


def _points(ratio: Mapping[str, float] | None, *keys: str) -> str:
    """Shares of rows as percentage points, signed."""
    return "-" if ratio is None else " to ".join(f"{ratio[key] * 100:+.2f}" for key in keys)


def _agreement(one: Mapping[str, Any] | None) -> str:
    return "-" if one is None else f"{one['ratio']['value'] * 100:.2f} %"
