"""One bounded child process of the export sitting: its lines told as they come, its end owned by whoever started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT

Tell = Callable[[str], None]
KEPT_LINES = 200  # of what it printed to stderr
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended. `status`: negative for a signal; `timed_out`: it was ended for taking too long."""

    status: int
    timed_out: bool
    out: str
    errors: tuple[str, ...]

    @property
    def last_words(self) -> str:
        """The end of what it printed to stderr."""
        return "\n".join(self.errors[-12:])[-2000:]


def run_child(command: Sequence[str], timeout_s: float, tell: Tell) -> Ended:
    """Run it in a session of its own, from the repository's root, until it ends or `timeout_s` have passed.

    Lines of its stderr are told at once; stdout is kept. The kernel ends it with this process, where setpriv is
    installed. Raises: OSError when it can't be started.
    """
    setpriv = shutil.which("setpriv")
    prefix = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        out = Path(folder) / "out"
        with out.open("wb") as kept:
            process = subprocess.Popen(
                [*prefix, *command], stdin=subprocess.DEVNULL, stdout=kept, stderr=subprocess.PIPE,
                start_new_session=True, env=environment, cwd=ROOT,
            )  # fmt: skip
        lines, timed_out = _followed(process, timeout_s, tell)
        return Ended(process.returncode, timed_out, out.read_text(encoding="utf-8", errors="replace"), tuple(lines))


def _followed(process: subprocess.Popen[bytes], timeout_s: float, tell: Tell) -> tuple[list[str], bool]:
    """Its last lines, and whether it had to be ended. It has ended when this returns or raises."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    clock = threading.Timer(timeout_s, end)
    clock.daemon = True
    clock.start()
    lines: list[str] = []
    try:
        assert process.stderr is not None
        for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            if line:
                lines = [*lines[-KEPT_LINES + 1 :], line]
                tell(line)
        process.wait(STOP_S)
    finally:
        clock.cancel()
        _kill(process)
        process.wait(STOP_S)
        if process.stderr is not None:
            process.stderr.close()
    return lines, late.is_set()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """It and what it started in its session."""
    with contextlib.suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
