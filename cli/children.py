"""Child processes with an owner: a session of their own, a pipe that ends them when the owner dies, a log file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LOG_TAIL_LINES = 15
POLL_S = 0.05


class ChildFailed(Exception):
    """A child did not come up or went away; the message ends with its last words."""


class Child:
    """One process. `port_file`, when given, is where it says that it is ready (JSON, or a bare port number).

    The child must end when its standard input ends (--exit_with_parent): a killed owner leaves no orphans.
    """

    def __init__(self, name: str, argv: Sequence[str], log: Path, port_file: Path | None = None) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.port_file = port_file
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begins_bytes = 0  # what is before is of earlier starts

    def start(self) -> None:
        """Start the process; its output is appended to the log."""
        if self.port_file is not None:
            self.port_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._log_begins_bytes = log.tell()
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=quiet_environment(),
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, timeout_s: float) -> int:
        """The port it listens on. Raises: ChildFailed when it exits first or takes longer."""
        port = self.wait_ready_unless(timeout_s, lambda: False)
        assert port is not None, "only who asks to be stopped waits in vain"
        return port

    def wait_ready_unless(self, timeout_s: float, stopped: Callable[[], bool]) -> int | None:
        """As `wait_ready`; None as soon as `stopped` says so."""
        if self.port_file is None:
            raise ValueError(f"{self.name} has no port file to wait for")
        end_s = time.monotonic() + timeout_s
        while not self.port_file.exists():
            if not self.running:
                raise ChildFailed(f"{self.name} ended at start (status {self.status}):\n{self.last_words()}")
            if stopped():
                return None
            if time.monotonic() > end_s:
                raise ChildFailed(f"{self.name} is not ready after {timeout_s:g} s:\n{self.last_words()}")
            time.sleep(POLL_S)
        told = json.loads(self.port_file.read_text(encoding="utf-8"))
        return int(told["port"] if isinstance(told, dict) else told)

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self, timeout_s: float) -> bool:
        """Ask it to end and wait; False (and a kill) when it took longer. Nothing when it doesn't run."""
        if self._process is None:
            return True
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        finally:
            self._close_pipe()

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close_pipe()

    def last_words(self) -> str:
        """The end of its log, for error messages."""
        return last_words(self.log, self._log_begins_bytes)

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it is gone already: that is what we wanted
                self._process.stdin.close()


def last_words(log: Path, begins_bytes: int = 0) -> str:
    """The last lines of a log, from `begins_bytes` on, set off for an error message."""
    with contextlib.suppress(OSError):  # no log yet: nothing to tell
        lines = log.read_bytes()[begins_bytes:].decode(errors="replace").splitlines()
        if lines:
            return "\n".join(f"  | {line}" for line in lines[-LOG_TAIL_LINES:])
    return "  | (it wrote nothing)"


def quiet_environment() -> dict[str, str]:
    """TensorFlow's greetings stay out of logs that people read; its errors don't."""
    return {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1", **os.environ}
