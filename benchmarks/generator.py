"""Makes the calls of one measurement, one process each: h2load, our raw client, or (without h2load) a grpcio client."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import h2load
from benchmarks.calls import FRAME_BYTES, framed
from benchmarks.errors import BenchmarkFailed
from benchmarks.plan import Load
from benchmarks.raw_child import RawChild
from benchmarks.recordings import Recorded


@dataclass(frozen=True, slots=True)
class Made:
    """What came of the calls: `answered` got the whole right reply. `wall_s` is the generator's own time.

    `p50_us`: median time of a call, for a lone caller only; `prepared_s`: processor time before the first call.
    """

    calls: int
    answered: int
    wall_s: float
    p50_us: float = 0.0
    prepared_s: float = 0.0


class Generator:
    """Sends one request again and again, of those `recorded` by model; files in `folder`."""

    def __init__(self, folder: Path, recorded: Mapping[str, Recorded]) -> None:
        self._program = shutil.which("h2load")
        self._recorded = recorded
        self._log = folder / "calls.log"
        self._payloads = {model: folder / f"{model}.grpc" for model in recorded}
        for model, payload in self._payloads.items():
            payload.write_bytes(framed(recorded[model].call.request()))

    def name(self, loads: Sequence[Load]) -> str:
        """As results name it."""
        names = {"benchmarks.varied_client": [load.name for load in loads if load.raw]}
        names["h2load" if self._program else "benchmarks.own_client (grpcio)"] = [
            load.name for load in loads if not load.raw
        ]
        told = [f"{name} ({'; '.join(found)})" for name, found in sorted(names.items(), reverse=True) if found]
        return ", ".join(told)

    def run(self, port: int, load: Load, calls: int, timeout_s: float, begins: Callable[[], None]) -> Made:
        """Make `calls` calls at 127.0.0.1:`port`; `begins` is told just before the first.

        Raises: BenchmarkFailed when they don't end within `timeout_s`.
        """
        payload, reply_bytes = self._payloads[load.call.model], self._recorded[load.call.model].reply_bytes
        if load.raw:
            with RawChild(port, load.connections, calls, reply_bytes, payload, load.varied) as child:
                begins()
                raw = child.make_calls(timeout_s)
            return Made(calls, raw.answered, raw.wall_s, prepared_s=raw.prepared_s)
        begins()
        if self._program:
            self._log.unlink(missing_ok=True)  # h2load would write on from its end
            command = h2load.command(self._program, payload, port, load, calls, self._log)
            report = h2load.parse(_output(command, b"", timeout_s))
            p50_us = h2load.p50_us(self._log.read_text(encoding="ascii")) if self._log.exists() else 0.0
            return Made(calls, h2load.answered(report, FRAME_BYTES + reply_bytes), report.wall_s, p50_us)
        numbers = [port, load.connections, load.streams, calls, reply_bytes]
        command = [sys.executable, "-m", "benchmarks.own_client", *map(str, numbers)]
        outcome = json.loads(_output(command, load.call.request(), timeout_s))
        return Made(calls, int(outcome["answered"]), float(outcome["wall_s"]), float(outcome["p50_us"]))


def _output(command: Sequence[str], given: bytes, timeout_s: float) -> str:
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=timeout_s, check=True)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"{Path(command[0]).name}: its calls did not end within {timeout_s:.0f} s") from error
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).decode(errors="replace").strip()[-2000:]
        raise BenchmarkFailed(f"{Path(command[0]).name}: ended with {error.returncode}:\n{said}") from error
    return done.stdout.decode(errors="replace")
