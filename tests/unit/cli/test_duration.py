"""Durations as people write them."""

from __future__ import annotations

import pytest

from cli.duration import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("1.5s", 1.5), (" 2s ", 2.0)]
)
def test_a_number_with_a_unit_is_a_duration(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5sec", "1m30s", "nan", "٥s"])
def test_anything_else_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write a number and a unit, like 500ms, 5s, 2m or 1h"):
        seconds_of(text)
