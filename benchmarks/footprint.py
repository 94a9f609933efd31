"""What a gateway needs apart from calls: time to be ready, memory, memory of each idle connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.calls import SMALL
from benchmarks.errors import BenchmarkFailed
from benchmarks.fronts import GATEWAYS
from benchmarks.raw_child import RawChild
from benchmarks.servers import Server, Starter
from benchmarks.subjects import Stage

STARTS: Final = 3
IDLE_CONNECTIONS: Final = 1000
WARM_CONNECTIONS, WARM_CALLS, CALLS_S = 16, 1600, 60.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one gateway. `ready_s`: from start to the port file, median of 3 fresh ones, nothing else running hard.

    `fresh_mb`: resident memory before the loads, median of 3; `loaded_mb`: after all of them (10^6 bytes).
    `idle_connection_kb`: what each of 1,000 connections adds to a warm gateway, one call made on each.
    """

    front: str
    ready_s: float
    fresh_mb: float
    loaded_mb: float
    idle_connection_kb: float


def fresh(stage: Stage, folder: Path, tell: Callable[[str], None]) -> dict[str, tuple[float, float, float]]:
    """By gateway: seconds to ready, MB at rest, kB for each idle connection; of gateways of their own, ended again."""
    found = {}
    for subject in stage.subjects:
        if subject.key in GATEWAYS:
            tell(f"starting {STARTS} times: {subject.title}")
            runs = [_one(subject.key, number, subject.upstream, stage, folder) for number in range(STARTS)]
            ready, memory, connection = zip(*runs, strict=True)
            found[subject.key] = (median(ready), median(memory), median(connection))
    return found


def _one(key: str, number: int, upstream: Server, stage: Stage, folder: Path) -> tuple[float, float, float]:
    with ExitStack() as stack:
        server = GATEWAYS[key].start(Starter(stack, folder), f"{key}-{number}", upstream.port)
        rest_mb = server.child.resident_bytes() / 1e6
        return server.ready_s, rest_mb, _connection_kb(server, stage, folder)


def _connection_kb(server: Server, stage: Stage, folder: Path) -> float:
    reply_bytes, payload = stage.recorded[SMALL.model].reply_bytes, folder / f"{SMALL.model}.grpc"
    with RawChild(server.port, WARM_CONNECTIONS, WARM_CALLS, reply_bytes, payload, varied=True) as warming:
        warming.make_calls(CALLS_S)
    before = server.child.resident_bytes()
    with RawChild(server.port, IDLE_CONNECTIONS, 0, reply_bytes, payload, varied=False, hold=True) as idle:
        greeted = idle.make_calls(CALLS_S).greeted
        if greeted != IDLE_CONNECTIONS:
            raise BenchmarkFailed(f"{server.child.name}: {greeted} of {IDLE_CONNECTIONS} connections got their reply")
        return (server.child.resident_bytes() - before) / IDLE_CONNECTIONS / 1e3


def footprints(stage: Stage, measured: dict[str, tuple[float, float, float]]) -> Sequence[Footprint]:
    """With the memory that the sitting's gateways have by now: after the loads."""
    found = []
    for subject in stage.subjects:
        if subject.key in measured and subject.front is not None:
            ready_s, fresh_mb, idle_kb = measured[subject.key]
            loaded_mb = subject.front.child.resident_bytes() / 1e6
            numbers = (round(ready_s, 3), round(fresh_mb, 1), round(loaded_mb, 1), round(idle_kb, 1))
            found.append(Footprint(subject.key, *numbers))
    return found
