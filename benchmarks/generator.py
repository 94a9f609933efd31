"""Makes the calls of one measurement: by h2load where it is installed, else by our own client; one process each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import h2load
from benchmarks.calls import FRAME_BYTES, framed
from benchmarks.errors import BenchmarkFailed
from benchmarks.plan import Load


@dataclass(frozen=True, slots=True)
class Made:
    """What came of the calls: `answered` got the whole right reply. `wall_s` is the generator's own time."""

    calls: int
    answered: int
    wall_s: float


class Generator:
    """Sends one request again and again. `reply_bytes` is the length of its right reply's message."""

    def __init__(self, folder: Path, request: bytes, reply_bytes: int) -> None:
        self._program = shutil.which("h2load")
        self._request = request
        self._reply_bytes = reply_bytes
        self._payload = folder / "request.grpc"
        self._payload.write_bytes(framed(request))

    @property
    def name(self) -> str:
        """As results name it."""
        return "h2load" if self._program else "benchmarks.own_client (grpcio)"

    def run(self, port: int, load: Load, calls: int, timeout_s: float) -> Made:
        """Make `calls` calls at 127.0.0.1:`port`. Raises: BenchmarkFailed when they don't end within `timeout_s`."""
        if self._program:
            command = h2load.command(self._program, self._payload, port, load, calls)
            report = h2load.parse(_output(command, b"", timeout_s))
            return Made(calls, h2load.answered(report, FRAME_BYTES + self._reply_bytes), report.wall_s)
        numbers = [port, load.connections, load.streams, calls, self._reply_bytes]
        command = [sys.executable, "-m", "benchmarks.own_client", *map(str, numbers)]
        outcome = json.loads(_output(command, self._request, timeout_s))
        return Made(calls, int(outcome["answered"]), float(outcome["wall_s"]))


def _output(command: Sequence[str], given: bytes, timeout_s: float) -> str:
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=timeout_s, check=True)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"{Path(command[0]).name}: its calls did not end within {timeout_s:.0f} s") from error
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).decode(errors="replace").strip()[-2000:]
        raise BenchmarkFailed(f"{Path(command[0]).name}: ended with {error.returncode}:\n{said}") from error
    return done.stdout.decode(errors="replace")
