"""Owns a headless Locust process: starts it fresh (gevent must patch first), ends it, reads its summary.

The child runs in its own session and holds the read end of a pipe; when this process dies, the pipe closes and the
child ends too.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loadtests.options import OPTIONS, read_settings, run_time_problem
from loadtests.problems import Problems

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
OWNER_PIPE = "TIDEGATE_LOADTEST_OWNER_PIPE"
START_AND_END_S = 120.0
MAX_USERS = 10_000
LOG_TAIL_CHARS = 2000
COULD_NOT_RUN = 2


class CouldNotRun(Exception):
    """The child process made no measurement; the text says why."""


class LoadTest:
    """A load test in a child process; use as a context manager, which ends the child in any case."""

    def __init__(self, address: str, users: int, run_time_s: float, values: Mapping[str, Any]) -> None:
        """Check everything that can be checked before starting. Raises: Problems."""
        problems: list[str] = []
        try:
            read_settings(address, values)
        except Problems as found:
            problems += found.problems
        if not 1 <= users <= MAX_USERS:
            problems.append(f"--users is {users}, must be 1..{MAX_USERS}")
        problems += [problem for problem in [run_time_problem(run_time_s)] if problem]
        if problems:
            raise Problems("load test", problems)
        self._address, self._users, self._run_time_s = address, users, run_time_s
        self._call_timeout_s = float(values["call_timeout_s"])
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-loadtest-")
        self._log = Path(self._folder.name) / "locust.log"
        own = str(Path(self._folder.name) / "summary.json")
        self._values = {**values, "summary_file": values["summary_file"] or own}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        Path(self._values["summary_file"]).unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**_clean_environment(), OWNER_PIPE: "1"},
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
        self._folder.cleanup()

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        command += ["--host", self._address, "--users", str(self._users), "--spawn-rate", str(self._users)]
        command += ["--run-time", f"{max(1, round(self._run_time_s))}s", "--loglevel", "WARNING"]
        command += ["--stop-timeout", f"{math.ceil(self._call_timeout_s) + 1}s"]
        for option in OPTIONS:
            value = self._values[option.name]
            if option.kind is bool:
                command += [option.flag] if value else []
            elif value != "":
                command += [option.flag, str(value)]
        return command

    def stop(self) -> None:
        """Ask for a graceful end: calls in flight are answered, then the summary is written."""
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> dict[str, Any]:
        """Wait for the end, within the run time and some; return the summary (see loadtests.summary).

        Raises: CouldNotRun, with the child's own words.
        """
        if self._process is None:
            raise ValueError("the load test was not started: use it as a context manager")
        try:
            status = self._process.wait(self._run_time_s + self._call_timeout_s + START_AND_END_S)
        except subprocess.TimeoutExpired as error:
            raise CouldNotRun(f"Locust did not end in time; its last words:\n{self._last_words()}") from error
        summary = Path(self._values["summary_file"])
        if status == COULD_NOT_RUN and not summary.exists():
            raise CouldNotRun(self._last_words())
        if not summary.exists():
            raise CouldNotRun(f"Locust ended with status {status} and left no summary:\n{self._last_words()}")
        facts: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
        return facts

    def _last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace").strip()[-LOG_TAIL_CHARS:]


def _clean_environment() -> dict[str, str]:
    """Ours, without Locust's and our own settings: only the command line counts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "TIDEGATE_LOADTEST_"))}
