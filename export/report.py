"""Print an exported version: one table of what was gained, then where things lie."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from export.run import Exported


def print_report(exported: Exported, console: Console) -> None:
    """Write the table and the paths to the console."""
    content: dict[str, Any] = exported.manifest
    baseline = content["baseline"]
    table = Table(title=f"{content['name']} version {content['version']} ({variant_words(content)})")
    table.add_column("")
    for heading in ("this version", *(("float32 source", "gain") if baseline else ())):
        table.add_column(heading, justify="right")
    for row in report_rows(content):
        table.add_row(*row)
    console.print(table)
    if content["accuracy"] is None:
        console.print(f"accuracy is unknown: {content['accuracy_reason']}")
    for note in [*content["notes"], *exported.serving_files.notes]:
        console.print(f"note: {note}", markup=False)
    console.print(f"published {exported.version_dir}", markup=False, soft_wrap=True)
    for path in exported.serving_files.paths:
        word = "kept" if path in exported.serving_files.unchanged else "wrote"
        console.print(f"  {word} {path}", markup=False, soft_wrap=True)


def variant_words(content: dict[str, Any]) -> str:
    """Name a variant: `float32`, or `bfloat16, structured:0.5`."""
    variant = content["variant"]
    return ", ".join(part for part in (variant["precision"], variant["prune"]) if part)


def report_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table: name and value, with the float32 source's value and the gain where there is one."""
    baseline = content["baseline"]
    rows = [
        _row("size on disk", content, baseline, "size_bytes", lambda value: f"{value / 1e6:.2f} MB"),
        _row("parameters", content, baseline, "parameters", lambda value: f"{value:,}"),
        _row("accuracy", content, baseline, "accuracy", lambda value: f"{value:.2%}", ratio=False),
    ]
    for batch, latency in content["latency"].items():
        values = [f"latency, {batch.replace('_', ' ')}", f"{latency['median_us']:.0f} us"]
        if baseline:
            values += [f"{latency['baseline_median_us']:.0f} us", gain(latency["speedup"], "faster", "slower")]
        rows.append(tuple(values))
    return rows


def gain(ratio: float, better: str, worse: str) -> str:
    """Say a ratio plainly: `2.10 x smaller`, `1.50 x larger`, `the same`."""
    if 0.995 < ratio < 1.005:
        return "the same"
    return f"{ratio:.2f} x {better}" if ratio > 1 else f"{1 / ratio:.2f} x {worse}"


def _row(title: str, content: Any, baseline: Any, key: str, words: Any, ratio: bool = True) -> tuple[str, ...]:
    value = content[key]
    values = [title, "-" if value is None else words(value)]
    if baseline:
        before = baseline[key]
        known = value is not None and before is not None
        values.append("-" if before is None else words(before))
        if not known:
            values.append("")
        elif ratio:
            values.append(gain(before / value, "smaller", "larger"))
        else:
            values.append(f"{(value - before) * 100:+.2f} points")
    return tuple(values)
