"""Server processes of a sitting: started with their log in a file, their processor time read, ended by their owner."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from benchmarks.errors import BenchmarkFailed

READY_S = 90.0
STOP_S = 10.0
LOOK_S = 0.05


class Child:
    """One server, in a session of its own. It ends with `stop`, or when this process does.

    Ours watch their standard input; for others (`foreign`) the kernel sends the signal, where setpriv is installed.
    `runs_in`: its working folder, None for this process's.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, foreign: bool = False, runs_in: Path | None = None
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        setpriv = shutil.which("setpriv") if foreign else None
        prefix = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=runs_in,
                start_new_session=True,
                env=environment,
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def await_ready(self, ready: Callable[[], bool], timeout_s: float = READY_S) -> None:
        """Until `ready` says so. Raises: BenchmarkFailed with its log's end when it ends instead, or takes too long."""
        end = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise BenchmarkFailed(
                    f"{self.name}: not ready after {timeout_s:.0f} s; its log ends:\n{self.log_end()}"
                )
            time.sleep(LOOK_S)

    def check(self) -> None:
        """Raises: BenchmarkFailed when it doesn't run any more."""
        if self._process.poll() is not None:
            raise BenchmarkFailed(
                f"{self.name}: ended with status {self._process.returncode}; its log ends:\n{self.log_end()}"
            )

    def log_end(self) -> str:
        """The last 2,000 characters of what it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()

    def processor_s(self) -> float:
        """User and system seconds of it and its children so far, in steps of the kernel's clock tick (10 ms)."""
        self.check()
        main = psutil.Process(self._process.pid)
        total = 0.0
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a child that ended between listing and asking
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def resident_bytes(self) -> int:
        """Memory of it and its children that is in RAM (shared pages counted for each)."""
        self.check()
        main = psutil.Process(self._process.pid)
        total = 0
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a child that ended between listing and asking
                total += process.memory_info().rss
        return total

    def stop(self, grace_s: float = STOP_S) -> None:
        """End it: by the end of its input and a signal, then, for those that take no notice, by force."""
        stdin: IO[bytes] | None = self._process.stdin
        if stdin is not None:
            stdin.close()
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S)
