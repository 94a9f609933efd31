"""The table and the refusal: the numbers of every step on one screen, in plain words."""

from __future__ import annotations

import json

import pytest

from export.errors import VariantRefusedError
from export.gate.as_json import figures_json, verdict_json
from export.gate.figures import Accuracy
from export.gate.judge import judge
from export.gate.refusal import check_verdict
from export.gate.table import plain_table, size_words, step_rows, time_words
from export.gate.trade import gain_words, ratio
from export.options import GateRules
from tests.unit.export.gate.made import baseline, variant


@pytest.mark.parametrize(("value", "words"), [(2.1, "2.10 x smaller"), (0.5, "2.00 x larger"), (1.001, "the same")])
def test_a_gain_is_said_plainly(value: float, words: str) -> None:
    assert gain_words(value, "smaller", "larger") == words


def test_nothing_at_all_is_infinitely_small() -> None:
    assert ratio(5, 0) == float("inf")


@pytest.mark.parametrize(("size", "words"), [(512, "0.5 kB"), (520_000, "0.52 MB"), (1.5e9, "1,500 MB")])
def test_sizes_are_said_in_powers_of_ten(size: float, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(("us", "words"), [(103.4, "103 us"), (1410, "1.41 ms"), (2_100_000, "2.10 s")])
def test_times_are_said_in_the_unit_that_fits(us: float, words: str) -> None:
    assert time_words(us) == words


def test_the_table_has_a_column_a_step_and_ratios_to_float32() -> None:
    rows = step_rows([figures_json(baseline()), figures_json(variant(2.0, 0.5, 0.002))])
    assert rows[0] == ["", "float32", "bfloat16"]
    assert rows[1] == ["size on disk", "1.00 MB", "0.50 MB (2.00x)"]
    assert ["latency, batch 32", "1.00 ms", "500 us (2.00x)"] in rows
    assert ["rows/s, 2 callers", "30,000", "60,000 (2.00x)"] in rows
    place = rows.index(["accuracy", "90.00 %", "89.80 %"])
    assert rows[place + 1 : place + 4] == [
        ["  95 % interval", "88.0 to 91.7 %", "87.8 to 91.5 %"],
        ["difference, points", "-", "-0.20"],
        ["  95 % interval", "-", "-0.60 to +0.20"],
    ]


def test_what_is_unknown_has_no_row() -> None:
    alone = baseline(parameters=None, accuracy=Accuracy(None, 0, "no --data given"))
    names = [row[0] for row in step_rows([figures_json(alone)])]
    assert "parameters" not in names
    assert "accuracy" not in names
    assert "difference, points" not in names


def test_columns_stand_in_line() -> None:
    assert plain_table([["", "a"], ["size", "10"]]) == ["       a", "size  10"]


def test_a_refusal_shows_reason_numbers_and_remedies() -> None:
    figures = [baseline(), variant(2.0, 0.5, 0.03)]
    with pytest.raises(VariantRefusedError) as caught:
        check_verdict(judge(figures[0], figures[1], GateRules()), figures)
    text = str(caught.value)
    assert text.startswith("the variant bfloat16 is refused; nothing was published\n  accuracy falls by 3.00 points")
    assert "size on disk" in text
    assert "gained: 2.00 x smaller on disk" in text
    assert "paid: accuracy -3.00 points" in text
    assert "--max-accuracy-drop 0.030" in text
    assert "--force" in text
    assert len(text.splitlines()) <= 24


def test_nobody_is_told_to_allow_a_large_loss() -> None:
    figures = [baseline(), variant(2.0, 0.5, 0.4)]
    with pytest.raises(VariantRefusedError) as caught:
        check_verdict(judge(figures[0], figures[1], GateRules()), figures)
    assert "--max-accuracy-drop" not in str(caught.value)


def test_a_refusal_carries_its_facts_as_json() -> None:
    figures = [baseline(), variant(0.5, 1.0)]
    with pytest.raises(VariantRefusedError) as caught:
        check_verdict(judge(figures[0], figures[1], GateRules()), figures)
    facts = json.loads(json.dumps(caught.value.facts, allow_nan=False))
    assert facts["verdict"]["passed"] is False
    assert [step["name"] for step in facts["steps"]] == ["float32", "bfloat16"]


def test_what_passes_or_is_forced_goes_on() -> None:
    figures = [baseline(), variant(0.5, 1.0)]
    check_verdict(judge(baseline(), variant(), GateRules()), [baseline(), variant()])
    forced = judge(figures[0], figures[1], GateRules(is_forced=True))
    check_verdict(forced, figures)
    assert verdict_json(forced)["is_forced"] is True
