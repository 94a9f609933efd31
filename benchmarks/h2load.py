"""nghttp2's load generator: its command line, and what its report says. Pure.

h2load counts a reply as succeeded by its HTTP status, which is 200 for gRPC's errors too. Replies are therefore counted
by the bytes of their DATA frames: an error has none, and all replies to one request are equally long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.calls import CALL_TIMEOUT_S, PREDICT
from benchmarks.errors import BenchmarkFailed
from benchmarks.plan import Load

_FINISHED = re.compile(r"^finished in ([\d.]+)(us|ms|s|m|h)\b", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: (\d+) total, .*?(\d+) succeeded", re.MULTILINE)
_DATA = re.compile(r"^traffic: .*\((\d+)\) data$", re.MULTILINE)
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Report:
    """What h2load says at its end. `data_bytes`: all DATA frames received."""

    wall_s: float
    requests: int
    http_ok: int
    data_bytes: int


def command(program: str, payload: Path, port: int, load: Load, calls: int, log: Path) -> list[str]:
    """The arguments that make `calls` calls under `load`; `payload` holds the framed request.

    A lone caller's calls are written to `log` with the time that each took.
    """
    return [
        program,
        *([f"--log-file={log}"] if load.in_flight == 1 else []),
        f"--requests={calls}",
        f"--clients={load.connections}",
        f"--max-concurrent-streams={load.streams}",
        "--header=content-type: application/grpc",
        "--header=te: trailers",
        f"--header=grpc-timeout: {CALL_TIMEOUT_S}S",
        f"--data={payload}",
        f"http://127.0.0.1:{port}{PREDICT}",
    ]


def parse(text: str) -> Report:
    """Read h2load's report. Raises: BenchmarkFailed when it isn't one."""
    finished, requests, data = (pattern.search(text) for pattern in (_FINISHED, _REQUESTS, _DATA))
    if finished is None or requests is None or data is None:
        raise BenchmarkFailed(f"h2load: its report is not as expected; it said:\n{text.strip()[-2000:]}")
    wall_s = float(finished[1]) * _UNITS_S[finished[2]]
    return Report(wall_s, int(requests[1]), int(requests[2]), int(data[1]))


def p50_us(log: str) -> float:
    """Median time of a call, from the lines of h2load's log: start, HTTP status, microseconds. 0 for an empty log."""
    return median([int(line.split("\t")[2]) for line in log.splitlines()] or [0])


def answered(report: Report, reply_bytes: int) -> int:
    """Calls that got the right reply, `reply_bytes` long in its frame; a doubtful total counts against them."""
    if report.data_bytes == report.http_ok * reply_bytes:
        return report.http_ok
    return max(0, min(report.data_bytes // reply_bytes, report.http_ok - 1))
