"""The owner of the fine-tuning child: whatever the child does, one clear error or a finished job."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from export.errors import FineTuneError
from export.pruning.child import run_child


def child(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_progress_is_told_and_other_prints_are_passed_over(tmp_path: Path) -> None:
    told: list[str] = []
    code = """print('Epoch 1/1'); print('{"epoch": 1, "epochs": 2, "accuracy": 0.5}'); print('{"beat": true}')"""
    run_child(child(code), tmp_path, told.append)
    assert told == ["  fine-tuning, pass 1 of 2: 50.0% right"]


def test_rows_held_back_and_the_weights_kept_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    code = """print('{"epoch": 2, "epochs": 2, "accuracy": 1.0, "held_back": 0.9}')
print('{"kept": 1, "accuracy": 0.95, "rows": 40}'); print('{"kept": 0, "accuracy": 0.95, "rows": 40}')"""
    run_child(child(code), tmp_path, told.append)
    assert told == [
        "  fine-tuning, pass 2 of 2: 100.0% right, 90.0% of the rows held back",
        "  kept the weights of pass 1: 95.0% of 40 training rows held back are right",
        "  kept the weights before fine-tuning: 95.0% of 40 training rows held back are right",
    ]


def test_errors_name_the_work_that_failed(tmp_path: Path) -> None:
    with pytest.raises(FineTuneError, match="the Taylor importance ended with status 3"):
        run_child(child("raise SystemExit(3)"), tmp_path, print, work="the Taylor importance")


def test_a_crash_becomes_a_message_that_names_the_signal_and_a_remedy(tmp_path: Path) -> None:
    code = "import os, sys; sys.stderr.write('corrupted size vs. prev_size'); sys.stderr.flush(); os.abort()"
    with pytest.raises(FineTuneError, match=r"SIGABRT.*TF_ENABLE_ONEDNN_OPTS=0.*corrupted size") as caught:
        run_child(child(code), tmp_path, print)
    assert "nothing was published" in str(caught.value)


def test_a_failure_the_child_tells_is_passed_on(tmp_path: Path) -> None:
    code = """import sys; print('{"error": "the loss is nan after pass 2"}'); sys.exit(1)"""
    with pytest.raises(FineTuneError, match="the loss is nan after pass 2"):
        run_child(child(code), tmp_path, print)


def test_an_exit_status_without_a_word_shows_the_end_of_stderr(tmp_path: Path) -> None:
    with pytest.raises(FineTuneError, match=r"status 1: .*ImportError: no such module"):
        run_child(child("raise ImportError('no such module')"), tmp_path, print)


def test_a_silent_child_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(FineTuneError, match="said nothing for 0 s and was stopped"):
        run_child(child("import sys; sys.stdin.read()"), tmp_path, print, silence_timeout_s=0.2)


def test_a_child_ends_when_its_parent_does(tmp_path: Path) -> None:
    code = """
import sys, threading
from export.pruning.job import end_with_parent
end_with_parent()
print("ready", flush=True)
threading.Event().wait()
"""
    import subprocess

    process = subprocess.Popen(child(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None
