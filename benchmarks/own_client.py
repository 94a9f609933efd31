"""The load generator where h2load isn't installed: grpcio, in a process of its own; prints one line of JSON.

`python -m benchmarks.own_client PORT CONNECTIONS STREAMS CALLS REPLY_BYTES < request`. It costs far more processor time
than h2load, so figures made with it compare only with each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

import grpc
import uvloop

from benchmarks.calls import CALL_TIMEOUT_S, PREDICT


@dataclass(slots=True)
class Outcome:
    """What came of the calls. `answered`: those whose reply had the right length. `p50_us`: median time of those."""

    wall_s: float = 0.0
    requests: int = 0
    answered: int = 0
    p50_us: float = 0.0


async def drive(port: int, connections: int, streams: int, calls: int, message: bytes, reply_bytes: int) -> Outcome:
    """Make `calls` calls, `streams` in flight on each of `connections`; a caller sends again once it is answered."""
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(connections)
    ]
    outcome, latencies = Outcome(), list[float]()
    turns = iter(range(calls))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for channel in channels:
            for _ in range(streams):
                group.create_task(_caller(channel, turns, message, reply_bytes, outcome, latencies))
    outcome.wall_s = time.perf_counter() - started
    outcome.p50_us = median(latencies or [0.0])
    for channel in channels:
        await channel.close()
    return outcome


async def _caller(
    channel: grpc.aio.Channel,
    turns: Iterator[int],
    message: bytes,
    reply_bytes: int,
    outcome: Outcome,
    latencies: list[float],
) -> None:
    predict: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
    for _ in turns:
        outcome.requests += 1
        sent = time.perf_counter()
        try:
            reply = await predict(message, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            continue  # counted: it is a request without an answer
        if len(reply) == reply_bytes:
            outcome.answered += 1
            latencies.append((time.perf_counter() - sent) * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "connections", "streams", "calls", "reply_bytes"):
        parser.add_argument(name, type=int)
    given = vars(parser.parse_args())
    print(json.dumps(asdict(uvloop.run(drive(**given, message=sys.stdin.buffer.read())))))


if __name__ == "__main__":
    main()
