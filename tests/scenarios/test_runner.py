"""Promises of the transcript runner: differences are found, records are exact, nonsense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.runner import read_blocks, run_transcript, transcripts


def shout(command: str) -> str:
    return "\n".join(line.upper() for line in command.split("\n") if line != "hush")


def write(folder: Path, text: str) -> Path:
    path = folder / "a.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def not_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REWRITE", raising=False)


def test_a_transcript_that_says_what_happens_passes(tmp_path: Path) -> None:
    run_transcript(write(tmp_path, "# why\none\ntwo\n----\nONE\nTWO\n\nhush\n----\n"), shout)


def test_a_difference_names_its_place_and_both_sides(tmp_path: Path) -> None:
    path = write(tmp_path, "one\n----\nONE\n\n# here\ntwo\n----\nTOW\n")
    with pytest.raises(AssertionError, match=r"a.txt:6: two\n--- wanted\nTOW\n--- came\nTWO\n"):
        run_transcript(path, shout)


def test_recording_writes_what_came_and_keeps_the_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "# why\none\n----\nwrong\n\n\nhush\n----\nalso wrong\n")
    monkeypatch.setenv("REWRITE", "1")
    run_transcript(path, shout)
    monkeypatch.delenv("REWRITE")
    assert path.read_text(encoding="utf-8") == "# why\none\n----\nONE\n\nhush\n----\n"
    run_transcript(path, shout)


def test_output_with_an_empty_line_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWRITE", "1")
    with pytest.raises(ValueError, match="empty line"):
        run_transcript(write(tmp_path, "one\n----\n"), lambda command: "a\n\nb")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("one\nONE\n", "a.txt:1: a block is a command, ---- and its output"),
        ("one\n----\n\n----\nONE\n", "a.txt:4: a block is"),
        ("# alone\n\none\n----\nONE\n", "a.txt:1: a comment stands directly before its command"),
    ],
)
def test_a_block_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(read_blocks(text, "a.txt"))


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no transcript matches 'nothing-"):
        transcripts("nothing-*.txt")
