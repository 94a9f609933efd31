"""Contract: docs/gate.md explains every key of export.json and report.json, and no other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from export.gate import timing
from export.gate.answers import TOLERANCE
from export.gate.bounds import LEAST_AGREEMENT, LEAST_SHRINKING, LEAST_SPEEDUP
from export.options import Require
from export.report_files import measuring
from tests.unit.export.gate.made import baseline, content, variant

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
NAMED = {
    "inputs": "ALIAS",
    "outputs": "ALIAS",
    "preprocess": "SIGNATURE",
    "tools": "TOOL",
}  # their keys are users' names


def paths(facts: object, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted paths of all values; those in lists without their places."""
    if isinstance(facts, Mapping) and before != ("pruning",):
        for key, value in facts.items():
            name = NAMED.get(before[-1] if before else "", re.sub(r"^batch_\d+$", "batch_N", key))
            yield from paths(value, (*before, name))
    elif isinstance(facts, list) and facts and isinstance(facts[0], Mapping):
        yield ".".join(before)
        for one in facts:
            yield from paths(one, before)
    else:
        yield ".".join(before)


def explained() -> set[str]:
    table = PAGE.partition("\n| key |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def written() -> set[str]:
    """All keys; one that is null here and holds keys elsewhere is told by those."""
    judged = content(baseline(), variant())
    found = {*paths({**judged, "measuring": measuring()})}
    return {key for key in found if key == "steps" or not any(other.startswith(f"{key}.") for other in found)}


def test_every_key_is_explained() -> None:
    assert written() - explained() == set()


def test_no_key_is_explained_that_is_not_written() -> None:
    parts = {path for key in written() for path in (key, key.split(".")[0])}  # `verdict` itself may be null
    assert explained() - parts == set()


def test_the_page_says_the_numbers_that_the_code_has() -> None:
    assert f"speed-up over all sizes is {LEAST_SPEEDUP} at least" in PAGE
    assert f"size on disk is {LEAST_SHRINKING} times" in PAGE
    assert f"Fewer than {LEAST_AGREEMENT:.0%}".replace("%", " %") in PAGE
    assert f"within {TOLERANCE:.0%}".replace("%", " %") in PAGE
    assert f"median of {timing.LOADS} fresh loads" in PAGE
    least, most = (math.ceil(rounds / timing.LOADS) * timing.LOADS for rounds in (timing.MIN_ROUNDS, timing.MAX_ROUNDS))
    assert f"{least} to {most} rounds" in PAGE
    assert f"median of {timing.SLICES} slices" in PAGE


def test_every_requirement_is_named() -> None:
    for one in Require:
        assert f"`{one.value}`" in PAGE
