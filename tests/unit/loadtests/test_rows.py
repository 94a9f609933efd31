"""Request rows survive the file and bad ones are all named."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.problems import SHOWN_PROBLEMS, Problems
from loadtests.rows import MAX_PIXEL, PIXELS_BYTES, Row, load_rows, save_rows

PIXELS = bytes(range(16)) * 4


@given(st.lists(st.integers(0, MAX_PIXEL), min_size=PIXELS_BYTES, max_size=PIXELS_BYTES), st.integers(0, 9))
def test_a_row_reads_back_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, pixels: list[int], label: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    row = Row(bytes(pixels), label)
    assert save_rows(path, [row]) == 1
    assert load_rows(path) == (row,)


def line(pixels: bytes = PIXELS, label: object = 3) -> str:
    return json.dumps({"pixels": base64.b64encode(pixels).decode(), "label": label})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "exactly"),
        ('{"pixels": "AA=="}', "exactly"),
        ('{"pixels": 5, "label": 1}', "base64 text"),
        (line(label=True), "whole number"),
        ('{"pixels": "*", "label": 1}', "not base64"),
        (line(pixels=PIXELS[:63]), "hold 63 bytes"),
        (line(pixels=bytes([17]) * 64), "a pixel is 17"),
        (line(label=10), "label is 10"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{line()}\n{text}\n")
    with pytest.raises(Problems, match=complaint) as caught:
        load_rows(path)
    assert caught.value.problems[0].startswith("line 2:")


def test_all_bad_lines_are_told_at_once_but_boundedly_many_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{\n" * (SHOWN_PROBLEMS + 5))
    with pytest.raises(Problems, match="and 5 more") as caught:
        load_rows(path)
    assert len(caught.value.problems) == SHOWN_PROBLEMS + 5


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_missing_empty_or_binary_file_is_one_clear_problem(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problems, match="1 problem") as caught:
        load_rows(path)
    assert caught.value.where == str(path)
