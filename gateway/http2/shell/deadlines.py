"""Ends what is late: one timer for all, and a look-up for each beginning and end instead of a timer for each call."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

_SHIFT = 12  # 4.096 ms: how late a deadline may fire


class Late(Protocol):
    """What has a deadline. Hashable by identity."""

    def expire(self) -> None:
        """The deadline passed."""


class Deadlines:
    """Deadlines in microseconds of the monotonic clock. `close` forgets them all."""

    __slots__ = ("_buckets", "_loop", "_next", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, dict[Late, None]] = {}
        self._next: int | None = None  # the bucket that the timer waits for
        self._timer: asyncio.TimerHandle | None = None

    def add(self, at_us: int, late: Late) -> None:
        """`late.expire` runs at that time or up to two buckets later, unless it is discarded."""
        bucket = (at_us >> _SHIFT) + 1
        members = self._buckets.get(bucket)
        if members is not None:
            members[late] = None
            return
        self._buckets[bucket] = {late: None}
        if self._next is None or bucket < self._next:
            self._wait_for(bucket)

    def discard(self, at_us: int, late: Late) -> None:
        """Take back what was added under that time; of no consequence if it has expired."""
        bucket = (at_us >> _SHIFT) + 1
        members = self._buckets.get(bucket)
        if members is not None:
            members.pop(late, None)
            if not members and bucket != self._next:
                del self._buckets[bucket]

    def close(self) -> None:
        """Nothing expires any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._buckets.clear()
        self._next = self._timer = None

    def _wait_for(self, bucket: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = bucket
        wait_us = (bucket << _SHIFT) - time.monotonic_ns() // 1000
        self._timer = self._loop.call_later(max(0, wait_us) / 1e6, self._fire)

    def _fire(self) -> None:
        self._timer = self._next = None
        now = time.monotonic_ns() // 1000 >> _SHIFT
        late = [item for bucket in sorted(self._buckets) if bucket <= now for item in self._buckets[bucket]]
        self._buckets = {bucket: members for bucket, members in self._buckets.items() if bucket > now and members}
        if self._buckets:
            self._wait_for(min(self._buckets))
        for item in late:
            try:
                item.expire()
            except Exception as error:  # noqa: BLE001 - a bug of one costs that one alone
                self._loop.call_exception_handler({"message": "a deadline could not be kept", "exception": error})
