"""What is said when a process that measures memory ends otherwise than it should."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from export.gate.figures import Candidate
from export.gate.memory import _failure_text, _limit_s


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "ended with status 3"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-signal.SIGKILL, "was killed by SIGKILL. Out of memory? Close other programs."),
    ],
)
def test_a_death_names_the_version_its_cause_and_what_a_server_may_meet(status: int, words: str) -> None:
    text = _failure_text("bfloat16", status, "ValueError:\n  no such file\n")
    assert text.startswith("bfloat16: the process that loads the version")
    assert words in text
    assert text.endswith("A server may meet the same. It said: ValueError: no such file")


def test_large_versions_have_more_time(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    small = Candidate("float32", tmp_path, None)
    assert _limit_s([small]) == 120
    assert _limit_s([small, small]) == 240
    os.truncate(tmp_path / "saved_model.pb", 4_000_000_000)  # takes no room
    assert _limit_s([small]) == 520


def test_silence_is_said_too() -> None:
    assert _failure_text("float32", 1, "").endswith("It said: nothing")
