"""YAML read strictly: mistakes of writing have line and column, and no file can hurt the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.document_tree import read_document
from gateway.config.load import MAX_FILE_BYTES, parse, read_bytes
from gateway.config.problems import ConfigurationRefused

NOT_YAML = "not valid YAML:"
NO_TAG = "could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'"
ENDLESS = "nested deeper than 32 levels, or aliases that expand without end"


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in read_document(text)[1]]


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("a: on", {"a": "on"}),
        (
            "a: [no, Yes, 12:30, 2026-11-22, 010, 0x10, 1_000]",
            {"a": ["no", "Yes", "12:30", "2026-11-22", "010", "0x10", "1_000"]},
        ),
        ("a: [true, False, ~, 1, -2, 0.5, 1e3]", {"a": [True, False, None, 1, -2, 0.5, 1000.0]}),
        ("base: &b {x: 1, y: 2}\na: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "a": {"x": 1, "y": 3}}),
        ("a: 'x'\nb: \"1\"", {"a": "x", "b": "1"}),
        ("# only a comment", None),
    ],
)
def test_words_mean_what_yaml_1_2_says(text: str, document: object) -> None:
    assert read_document(text) == (document, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: 1\nb: [1\nc: 2",
            f"line 3, column 2: {NOT_YAML} did not find expected ',' or ']' (while parsing a flow sequence)",
        ),
        ("a: *gone", "line 1, column 4: not valid YAML: found undefined alias"),
        (
            "a: 1\n---\nb: 2",
            f"line 2, column 1: {NOT_YAML} but found another document (expected a single document in the stream)",
        ),
        ("a: !!python/name:os.system x", f"line 1, column 4: {NOT_YAML} {NO_TAG}"),
        ("a: 1\nb: {c: 1, d: 2, c: 3}", "b.c: line 2: key given twice, first on line 2; keep one"),
        ("5: x", 'line 1: key "5" is not text; quote it'),
        ("a: {[1]: 2}", "a: line 1: a key must be text"),
        ("a: b\x07", "not text that YAML allows: control characters are not allowed at position 4"),
        ("[" * 100_000, ENDLESS),
        ("a0: &a0 1\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40)), ENDLESS),
        ("a: &a [*a]", ENDLESS),
        ("a0: &a0 [1, 1]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 29)), ENDLESS),
    ],
)
def test_a_mistake_of_writing_is_told_with_its_line(text: str, problem: str) -> None:
    assert problem in problems_of(text)


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(ConfigurationRefused, match="line 2: not UTF-8 text"):
        parse(b"a: 1\nb: \xff", Path("gateway.yaml"))


def test_a_file_far_too_large_for_a_configuration_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES * 100)
    with pytest.raises(ConfigurationRefused, match=f"is larger than {MAX_FILE_BYTES} bytes"):
        read_bytes(path)
