"""Server processes: told apart from dead ones, measured, always ended."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.children import Child
from benchmarks.errors import BenchmarkFailed

STUBBORN = "import pathlib,signal,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
STUBBORN += "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
BUSY = "import pathlib,sys; sum(range(5_000_000)); pathlib.Path(sys.argv[1]).touch(); sys.stdin.read()"


def test_a_child_that_ends_early_is_told_with_its_status_and_its_last_words(tmp_path: Path) -> None:
    with (
        Child("server", [sys.executable, "-c", "import sys; sys.exit('no such model')"], tmp_path) as child,
        pytest.raises(BenchmarkFailed, match=r"server: ended with status 1; its log ends:\nno such model"),
    ):
        child.await_ready(lambda: False)


def test_a_child_that_is_never_ready_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with (
        Child("server", [sys.executable, "-c", "import sys; sys.stdin.read()"], tmp_path) as child,
        pytest.raises(BenchmarkFailed, match="not ready after 0 s"),
    ):
        child.await_ready(lambda: False, timeout_s=0)


@pytest.mark.parametrize("foreign", [False, True])
def test_processor_time_is_that_of_the_child(tmp_path: Path, foreign: bool) -> None:
    ready = tmp_path / "ready"
    with Child("server", [sys.executable, "-c", BUSY, str(ready)], tmp_path, foreign) as child:
        child.await_ready(ready.exists)
        assert child.processor_s() > 0


def test_a_child_that_ignores_signals_is_ended_by_force(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = Child("server", [sys.executable, "-c", STUBBORN, str(ready)], tmp_path)
    child.await_ready(ready.exists)
    child.stop(grace_s=0)
    assert not [found for found in psutil.process_iter() if str(ready) in " ".join(_words(found))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it ended while we looked
