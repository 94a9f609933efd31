"""A child process of the export sitting: told line by line, bounded, and gone when it is left."""

from __future__ import annotations

import contextlib
import sys

import psutil
import pytest

from benchmarks.export_child import KEPT_LINES, run_child


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_its_lines_are_told_as_they_come_and_its_output_is_kept_apart() -> None:
    told: list[str] = []
    code = "import sys; print('one', file=sys.stderr); print('result'); print('two', file=sys.stderr); sys.exit(3)"
    ended = run_child(python(code), 60, told.append)
    assert told == ["one", "two"]
    assert (ended.status, ended.timed_out, ended.out, ended.errors) == (3, False, "result\n", ("one", "two"))


def test_one_that_takes_too_long_is_ended_with_what_it_started() -> None:
    ended = run_child(["sh", "-c", "sleep 600 & echo $! >&2; wait"], 1, lambda line: None)
    assert ended.timed_out
    assert ended.status != 0
    grown = int(ended.errors[0])
    with contextlib.suppress(psutil.NoSuchProcess):  # gone already
        psutil.Process(grown).wait(10)  # raises when it lives on


def test_it_does_not_outlive_an_interruption_of_its_owner() -> None:
    started: list[int] = []

    def interrupted(line: str) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    code = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        run_child(python(code), 60, interrupted)
    assert not psutil.pid_exists(started[0])


def test_only_its_last_lines_are_kept() -> None:
    code = f"import sys; [print(number, file=sys.stderr) for number in range({KEPT_LINES + 5})]"
    ended = run_child(python(code), 60, lambda line: None)
    assert len(ended.errors) == KEPT_LINES
    assert ended.errors[-1] == str(KEPT_LINES + 4)
    assert ended.last_words.endswith(str(KEPT_LINES + 4))
