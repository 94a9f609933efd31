"""The sitting of fronts: the gateway with each of its transports, and its peers, all before one fast upstream."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchmarkFailed
from benchmarks.open_files import allow_open_files
from benchmarks.peers import PEERS
from benchmarks.recordings import record_all
from benchmarks.servers import Server, Starter
from benchmarks.subjects import Stage, Subject
from deploy.compiled.stamp import FOLDER as COMPILED
from deploy.compiled.stamp import is_current


@dataclass(frozen=True, slots=True)
class Gateway:
    """One of ours: `transport` on both sides; `compiled`: as `make compiled` built it, else from the sources."""

    title: str
    transport: str
    compiled: bool = False

    def missing(self) -> str | None:
        """Why it can't be measured now, if so."""
        if self.compiled and not is_current():
            return f"{self.title}: not built from the sources as they are (run make compiled)."
        return None

    def start(self, start: Starter, name: str, upstream_port: int) -> Server:
        """Passing calls through, before that upstream."""
        folder = COMPILED if self.compiled else None
        return start.gateway(name, upstream_port, transport=self.transport, folder=folder)


GATEWAYS: Final = {
    "gateway-compiled": Gateway("gateway, http2 transport, compiled", "http2", compiled=True),
    "gateway-http2": Gateway("gateway, http2 transport", "http2"),
    "gateway-grpcio": Gateway("gateway, grpcio transport", "grpcio"),
}
FRONTS: Final = (*GATEWAYS, *PEERS)
OPEN_FILES: Final = 4096  # for 1,000 connections, on two sides


def titled(key: str) -> str:
    """The front in words."""
    return GATEWAYS[key].title if key in GATEWAYS else PEERS[key].title


def set_up(stack: ExitStack, folder: Path, without: Collection[str] = ()) -> Stage:
    """Start every front but those in `without`, files in `folder`; `stack` ends them.

    Peers that aren't installed are named in what is left out, and so is a compiled gateway that isn't up to date.
    Raises: BenchmarkFailed, also when a gateway refuses.
    """
    allow_open_files(OPEN_FILES)
    start = Starter(stack, folder)
    recorded = record_all(start, folder)
    fast = start.fast_upstream("fast", {model: found.replies for model, found in recorded.items()})
    subjects, left_out = [], []
    for key in FRONTS:
        if key in without:
            left_out.append(f"{titled(key)}: left out by --without.")
            continue
        if key in GATEWAYS:
            reason = GATEWAYS[key].missing()
            if reason is not None:
                left_out.append(reason)
                continue
            front = GATEWAYS[key].start(start, key, fast.port)
        else:
            program = PEERS[key].found()
            if program is None:
                left_out.append(PEERS[key].missing())
                continue
            front = PEERS[key].start(start, program, fast.port, key)
        subjects.append(Subject(key, "fast", titled(key), fast, front))
    if not subjects:
        raise BenchmarkFailed("no front is left to measure; --without names them all")
    return Stage(tuple(subjects), recorded, tuple(left_out))
