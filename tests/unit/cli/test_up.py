"""`tidegate up` as a supervisor: the order of starts and ends, and what each way to end makes its exit status.

Fake servers stand in for backend and gateway: `python -m NAME` finds NAME.py in the working directory first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli import fake_server

DEADLINE_S = 60.0
LOOK_S = 0.01


class Up:
    """A `tidegate up` between two fakes; `start`, then `reads` and `ends`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "models/digits/1").mkdir(parents=True)
        for name in ("backend", "gateway"):
            shutil.copy(fake_server.__file__, folder / f"{name}.py")

    def start(self, *words: str, **behaviour: str) -> None:
        argv = [
            sys.executable,
            "-m",
            "cli.main",
            "up",
            "--model-dir",
            "models",
            "--port",
            "0",
            "--http-port",
            "0",
            *words,
        ]
        env = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            **{f"FAKE_{name.upper()}": does for name, does in behaviour.items()},
        }
        with (self._folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self._folder, env=env
            )

    def read(self, name: str) -> list[str]:
        """Lines of `out` (what it said) or `diary` (what its children noted)."""
        path = self._folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def reads(self, name: str, line: str) -> None:
        """Wait until that line is there."""
        assert self._process is not None, "started"
        end_s = time.monotonic() + DEADLINE_S
        while not any(line in each for each in self.read(name)):
            gone = self._process.poll() is not None or time.monotonic() > end_s
            assert not gone, f"{name} never had {line!r}: {self.read('out')}"
            time.sleep(LOOK_S)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "started"
        self._process.send_signal(number)

    def ends(self) -> tuple[int, list[str]]:
        """Exit status and what it said in all."""
        assert self._process is not None, "started"
        return self._process.wait(DEADLINE_S), self.read("out")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_the_gateway_then_the_backend_and_ends_with_0(number: signal.Signals, up: Up) -> None:
    up.start()
    up.reads("out", "serving at 127.0.0.1:7 (gRPC); pages at http://127.0.0.1:8/metrics; ctrl-C ends it")
    up.signal(number)
    status, said = up.ends()
    assert (status, said[-2:]) == (0, ["draining ...", "stopped"])
    ends = [f"{name} {what}" for name in ("gateway", "backend") for what in ("told to end", "ended")]
    assert up.read("diary") == ["backend started", "gateway started", *ends]


def test_ctrl_c_while_models_are_loaded_ends_at_once_with_0(up: Up) -> None:
    up.start(backend="load")
    up.reads("diary", "backend started")
    up.signal(signal.SIGINT)
    status, said = up.ends()
    assert (status, said[-1]) == (0, "stopped before anything was served")
    assert "gateway started" not in up.read("diary")


def test_a_second_signal_ends_at_once_with_1(up: Up) -> None:
    up.start(gateway="stay")
    up.reads("out", "serving at")
    up.signal(signal.SIGINT)
    up.reads("diary", "gateway told to end")
    up.signal(signal.SIGINT)
    status, said = up.ends()
    assert (status, said[-1]) == (1, "stopped before every call was answered")


def test_calls_that_outlast_the_drain_timeout_make_it_1(up: Up) -> None:
    up.start("--drain-timeout", "0.1", backend="stay")
    up.reads("out", "serving at")
    up.signal(signal.SIGINT)
    status, said = up.ends()
    assert (status, said[-1]) == (1, "stopped before every call was answered")
    assert up.read("diary")[-2:] == ["gateway ended", "backend told to end"]


@pytest.mark.parametrize("name", ["backend", "gateway"])
def test_a_child_that_ends_by_itself_ends_up_with_its_last_words_and_1(name: str, up: Up) -> None:
    up.start(**{name: "leave"})
    status, said = up.ends()
    assert status == 1, said
    assert said[-2:] == [f"{name} ended by itself (status 5):", "  | out of memory"]


@pytest.mark.parametrize("name", ["backend", "gateway"])
def test_a_child_that_does_not_come_up_is_told_with_its_words_and_2(name: str, up: Up) -> None:
    up.start(**{name: "refuse"})
    status, said = up.ends()
    assert status == 2, said
    assert said[-2:] == [f"tidegate up: {name} ended at start (status 2):", f"  | {name}: port 7 is busy"]


def test_a_full_disk_under_the_state_directory_is_told_with_2(up: Up, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/models.config").symlink_to("/dev/full")
    up.start("--state-dir", "state")
    status, said = up.ends()
    assert (status, said) == (2, ["tidegate up: state: No space left on device; give another --state-dir"])
    assert up.read("diary") == []


def test_a_state_directory_that_cannot_be_made_is_told_with_2(up: Up) -> None:
    up.start("--state-dir", "/dev/null/state")
    status, said = up.ends()
    assert (status, said) == (2, ["tidegate up: /dev/null/state: Not a directory; give another --state-dir"])


@pytest.mark.parametrize("folder", ["models/digits", "nowhere"])
def test_a_folder_without_models_is_told_with_2(folder: str, up: Up) -> None:
    up.start("--model-dir", folder)
    status, said = up.ends()
    assert (status, len(said), said[0].startswith(f"tidegate up: {folder} ")) == (2, 1, True)
