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
from export.pruning.finetune import end_with_parent
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
