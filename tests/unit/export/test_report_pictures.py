"""The report's pictures take whatever a layer is called."""

from __future__ import annotations

import html

from export.report_pictures import pictures
from tests.unit.export.gate.made import baseline, content, variant

NAME = r"a$b\frac{ <c> & d$"


def test_a_layers_name_is_drawn_as_it_is_written() -> None:
    facts = content(baseline(), variant(1.5, 0.4, 0.002, name="structured:0.5"))
    groups = [{"layers": [NAME], "width_before": 8, "width_after": 4}]
    drawn = pictures({**facts, "pruning": {"groups": groups}})[-1]
    assert drawn.title == "Widths before and after pruning"
    assert html.escape(NAME, quote=False) in drawn.svg
    assert drawn.words == f"{NAME}: 8 to 4"
