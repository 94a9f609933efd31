"""What a server's connection does because time passed: timeouts, ages, drains that nobody answers."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.outbox import Outbox
from gateway.http2.settings import PeerSettings
from gateway.http2.stream import Stream

DRAIN_ANSWER_US = 1_000_000  # how long the first stage of a drain waits for its PING


class Timed(Protocol):
    """What is asked and told of the connection."""

    bounds: Bounds
    refused: Counter[str]
    outbox: Outbox
    peer: PeerSettings
    streams: dict[int, Stream]
    opened_us: int
    idle_since_us: int
    drain_us: int | None

    def drain(self, now_us: int) -> None: ...

    def drain_heard(self) -> None: ...

    def time_out(self, stream: Stream) -> None: ...


class ServerTime:
    """One connection's; `check` about once a second."""

    __slots__ = ("_moved", "_moved_us")

    def __init__(self, now_us: int) -> None:
        self._moved = 0  # the outbox's count of bytes
        self._moved_us = now_us  # since when it stands, or nothing is owed

    def check(self, timed: Timed, now_us: int) -> None:
        """Raises: ConnectionFault where the connection's time is up."""
        bounds, age_us = timed.bounds, now_us - timed.opened_us
        if not timed.peer.came and _over(age_us, bounds.preface_timeout_s):
            timed.refused["preface_timeout"] += 1
            raise ConnectionFault(ErrorCode.NO_ERROR, "no SETTINGS came")
        if not timed.streams and _over(now_us - timed.idle_since_us, bounds.idle_timeout_s):
            timed.drain(now_us)
        if _over(age_us, bounds.max_age_s):
            timed.drain(now_us)
            if _over(age_us, (bounds.max_age_s or 0) + bounds.age_grace_s):
                raise ConnectionFault(ErrorCode.NO_ERROR, "the connection is too old")
        if timed.drain_us is not None and now_us - timed.drain_us > DRAIN_ANSWER_US:
            timed.drain_heard()
        for stream in tuple(timed.streams.values()):
            waits = not stream.remote_done and not stream.streaming
            if waits and _over(now_us - stream.moved_us, bounds.request_timeout_s):
                timed.refused["request_timeout"] += 1
                timed.time_out(stream)
        self._check_reader(timed, now_us)

    def _check_reader(self, timed: Timed, now_us: int) -> None:
        owed = not timed.outbox.writable or any(stream.queued for stream in timed.streams.values())
        if not owed or timed.outbox.moved != self._moved:
            self._moved, self._moved_us = timed.outbox.moved, now_us
        elif _over(now_us - self._moved_us, timed.bounds.write_timeout_s):
            timed.refused["write_timeout"] += 1
            raise ConnectionFault(ErrorCode.NO_ERROR, "the client does not read")


def _over(elapsed_us: int, limit_s: float | None) -> bool:
    return limit_s is not None and elapsed_us > limit_s * 1e6
