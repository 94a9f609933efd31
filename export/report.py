"""Print an exported version: the table of steps, the verdict, the notes, then where things lie."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.gate.table import step_rows
from export.run import Exported
from export.version_facts import variant_words


def print_report(exported: Exported, console: Console) -> None:
    """Write it to the console; of a dry run, which has no folder, without paths."""
    content: dict[str, Any] = exported.manifest
    console.print(steps_table(content))
    if content["accuracy"] is None:
        console.print(f"accuracy is unknown: {content['accuracy_reason']}", markup=False)
    verdict = content["verdict"]
    if verdict is not None:
        console.print(verdict_text(verdict))
    files = exported.serving_files
    notes = [*(verdict["notes"] if verdict else ()), *content["notes"], *files.notes]
    for note in notes:
        console.print(f"note: {note}", markup=False)
    if exported.version_dir is None:
        console.print("a dry run: nothing was published")
        for change in files.changes:
            console.print(f"would write {change.path}:\n{change.diff()}", markup=False, highlight=False, soft_wrap=True)
        return
    console.print(f"published {exported.version_dir}", markup=False, soft_wrap=True)
    console.print("  look at report.html there for pictures, and all figures", markup=False)
    for path in files.paths:
        word = "kept" if path in files.unchanged else "wrote"
        console.print(f"  {word} {path}", markup=False, soft_wrap=True)


def steps_table(content: dict[str, Any]) -> Table:
    """What each step bought and cost: a column a step, ratios to float32 in brackets."""
    heading, *rows = step_rows(content["steps"])
    table = Table(title=f"{content['name']} version {content['version']} ({variant_words(content)})")
    table.add_column("")
    for name in heading[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def verdict_text(verdict: dict[str, Any]) -> Text:
    """The verdict in one line, green when it passed, and what was gained and paid."""
    text = Text(verdict["headline"], style="green" if verdict["passed"] else "yellow")
    text.append(f"\ngained: {', '.join(verdict['gains']) or 'nothing'}", style="default")
    text.append(f"\npaid:   {', '.join(verdict['costs']) or 'nothing'}", style="default")
    return text
