"""Many callers at once make given calls, and keep whole replies: what joined and unjoined answers are compared by."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.calls import FRAME_BYTES, framed
from benchmarks.errors import BenchmarkFailed
from benchmarks.raw_connection import RawConnection
from benchmarks.varied_client import Phase
from benchmarks.varied_requests import requests_of


@dataclass(frozen=True, slots=True)
class Reply:
    """grpc-status as text (None: the stream ended without) and the message without its frame."""

    status: str | None
    message: bytes


async def answers(port: int, messages: Sequence[bytes], callers: int) -> list[Reply]:
    """The reply to each message, in order; each of `callers` connections has one call in flight, and the same number.

    Raises: BenchmarkFailed when a connection breaks, TimeoutError, ValueError when the callers can't share the calls.
    """
    each, rest = divmod(len(messages), callers)
    if rest or not each:
        raise ValueError(f"messages: got {len(messages)}, must be a multiple of {callers} callers")
    loop, phase = asyncio.get_running_loop(), Phase()
    opened: list[RawConnection] = []
    kept: list[list[Reply]] = []
    for number in range(callers):
        replies: list[Reply] = []
        prepared = list(requests_of(f"127.0.0.1:{port}", map(framed, messages[number::callers])))
        factory = partial(RawConnection, prepared, 0, phase.ended, keep=partial(_keep, replies))
        opened.append((await loop.create_connection(factory, "127.0.0.1", port))[1])
        kept.append(replies)
    await phase.run(opened, each)
    for connection in opened:
        if connection.problem:
            raise BenchmarkFailed(f"port {port}: {connection.problem}")
        connection.close()
    return [kept[index % callers][index // callers] for index in range(len(messages))]


def _keep(replies: list[Reply], status: str | None, data: bytes) -> None:
    replies.append(Reply(status, data[FRAME_BYTES:]))
