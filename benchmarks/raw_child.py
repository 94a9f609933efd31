"""Our raw generator as a child process: made ready, told to call, ended by its owner."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import BenchmarkFailed
from benchmarks.varied_client import Outcome

READY_S = 120.0
STOP_S = 10.0


class RawChild:
    """Ready, with all connections open, once entered. `hold`: they stay open until it is left."""

    def __init__(
        self, port: int, connections: int, calls: int, reply_bytes: int, payload: Path, varied: bool, hold: bool = False
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.varied_client"]
        command += [*map(str, (port, connections, calls, reply_bytes)), str(payload)]
        command += ["--varied"] * varied + ["--hold"] * hold
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def __enter__(self) -> RawChild:
        try:
            said = self._line(READY_S)
            if said != "ready":
                raise BenchmarkFailed(f"benchmarks.varied_client: not ready; it said:\n{said}\n{self._rest()}")
        except BaseException:  # whatever it was, the process must not stay
            self._stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()

    def make_calls(self, timeout_s: float) -> Outcome:
        """Make them now. Raises: BenchmarkFailed when it dies or `timeout_s` is over."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = self._line(timeout_s)
        try:
            outcome = Outcome(**json.loads(said))
        except (ValueError, TypeError) as error:
            raise BenchmarkFailed(f"benchmarks.varied_client: no outcome; it said:\n{said}\n{self._rest()}") from error
        if outcome.problem:
            raise BenchmarkFailed(
                f"benchmarks.varied_client: {outcome.answered} calls answered, then {outcome.problem}"
            )
        return outcome

    def _line(self, timeout_s: float) -> str:
        """Its next line; it is killed when none comes in time."""
        assert self._process.stdout is not None
        return self._read(self._process.stdout.readline, timeout_s)

    def _rest(self) -> str:
        """What it says until it ends, which it is expected to do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        return self._read(self._process.stdout.read, STOP_S)[-2000:]

    def _read(self, read: Callable[[], str], timeout_s: float) -> str:
        timer = threading.Timer(timeout_s, self._process.kill)
        timer.start()
        try:
            return read().strip()
        finally:
            timer.cancel()

    def _stop(self) -> None:
        """By the end of its input; by force when it takes no notice."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process.stdout.close()
