"""`report.html`: one self-contained page, no script, no request to anywhere; made of export.json's content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.gate.table import size_words, step_rows, time_words
from export.report_pictures import pictures


def page(content: Mapping[str, Any]) -> str:
    """Render the template with the content of report.json."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("export"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=size_words, time=time_words, shape=shape_words)
    heading, *rows = step_rows(content["steps"])
    drawn = [(one.title, Markup(one.svg), one.words) for one in pictures(content)]  # matplotlib has escaped its texts
    return environment.get_template("report.html.j2").render(
        content=content, heading=heading, rows=rows, pictures=drawn, state=verdict_state(content["verdict"])
    )


def verdict_state(verdict: Mapping[str, Any] | None) -> str:
    """How the page shows the verdict: `passed`, `forced`, or `baseline` where nothing was judged."""
    if verdict is None:
        return "baseline"
    return "forced" if verdict["is_forced"] else ("passed" if verdict["passed"] else "refused")


def shape_words(shape: list[int]) -> str:
    """`(?, 28, 28)` of [-1, 28, 28]."""
    return f"({', '.join('?' if size < 0 else str(size) for size in shape)})"
