"""Our raw load generator, where h2load can't: calls that differ, and connections that are open before the clock starts.

`python -m benchmarks.varied_client PORT CONNECTIONS CALLS REPLY_BYTES REQUEST_FILE [--varied] [--hold]`, a process of
its own. It prepares all bytes, opens all connections, makes one unmeasured call on each, prints `ready`; at a line on
standard input it makes CALLS calls, one in flight on each connection, and prints one line of JSON. With --hold the
connections stay open until standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import uvloop

from benchmarks.calls import FRAME_BYTES
from benchmarks.errors import BenchmarkFailed
from benchmarks.open_files import allow_open_files
from benchmarks.raw_connection import RawConnection
from benchmarks.varied_requests import requests

MOST_S = 120.0  # for the calls; more is a fault
SPARE_FILES = 64  # beside one for each connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the calls. `answered`: grpc-status 0 and a reply of the right length. `problem`: the first one.

    `greeted`: connections whose unmeasured call was answered so. `prepared_s`: processor time before the clock started.
    """

    wall_s: float
    answered: int
    greeted: int
    prepared_s: float
    problem: str


class Phase:
    """Waits until `parts` connections have ended their calls."""

    def __init__(self) -> None:
        self._left = 0
        self._over = asyncio.Event()

    def ended(self) -> None:
        """One more has."""
        self._left -= 1
        if self._left <= 0:
            self._over.set()

    async def run(self, connections: list[RawConnection], calls: int) -> None:
        """Each makes `calls` calls. Raises: TimeoutError."""
        self._left = len(connections)
        self._over.clear()
        for connection in connections:
            connection.start(calls)
        async with asyncio.timeout(MOST_S):
            await self._over.wait()


async def drive(port: int, connections: int, calls: int, reply_bytes: int, message: bytes, varied: bool) -> Outcome:
    """Prepare, say so, wait for the word, call. `message`: the framed request."""
    each = calls // connections
    phase = Phase()
    opened = await _open(port, connections, each + 1, reply_bytes, message, varied, phase)
    await phase.run(opened, 1)
    greeted = sum(connection.answered for connection in opened)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    prepared_s, started = time.process_time(), time.perf_counter()
    await phase.run(opened, each)
    wall_s = time.perf_counter() - started
    problems = [connection.problem for connection in opened if connection.problem]
    answered = sum(connection.answered for connection in opened) - greeted
    return Outcome(wall_s, answered, greeted, prepared_s, problems[0] if problems else "")


async def _open(
    port: int, count: int, calls: int, reply_bytes: int, message: bytes, varied: bool, phase: Phase
) -> list[RawConnection]:
    loop = asyncio.get_running_loop()
    opened = []
    for number in range(count):
        prepared = list(requests(f"127.0.0.1:{port}", message, calls, number if varied else None))
        factory = partial(RawConnection, prepared, FRAME_BYTES + reply_bytes, phase.ended)
        opened.append((await loop.create_connection(factory, "127.0.0.1", port))[1])
    return opened


async def work(given: argparse.Namespace) -> None:
    message = given.request.read_bytes()
    outcome = await drive(given.port, given.connections, given.calls, given.reply_bytes, message, given.varied)
    print(json.dumps(asdict(outcome)), flush=True)
    if given.hold:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "connections", "calls", "reply_bytes"):
        parser.add_argument(name, type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--varied", action="store_true")
    parser.add_argument("--hold", action="store_true")
    given = parser.parse_args()
    try:
        allow_open_files(given.connections + SPARE_FILES)
    except BenchmarkFailed as error:
        sys.exit(str(error))
    uvloop.run(work(given))


if __name__ == "__main__":
    main()
