"""Whether the peer still lives: a PING after silence, while calls are open (without any, C-core forbids them)."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.outbox import Outbox

PAYLOAD = b"tg-alive"


class Keepalive:
    """One connection's."""

    __slots__ = ("_asked_us", "_bounds", "_outbox")

    def __init__(self, bounds: Bounds, outbox: Outbox) -> None:
        self._bounds = bounds
        self._outbox = outbox
        self._asked_us: int | None = None  # when a PING left that has no answer yet

    def answered(self) -> None:
        """The PING came back."""
        self._asked_us = None

    def tick(self, quiet_us: int, has_calls: bool, now_us: int) -> None:
        """Ask if it is time. Raises: ConnectionFault when the last PING went unanswered for too long."""
        bounds = self._bounds
        if self._asked_us is not None:
            if now_us - self._asked_us > bounds.keepalive_timeout_s * 1e6:
                raise ConnectionFault(ErrorCode.NO_ERROR, "a PING went unanswered")
        elif has_calls and bounds.keepalive_s is not None and quiet_us > bounds.keepalive_s * 1e6:
            self._asked_us = now_us
            self._outbox.control(frames.ping(PAYLOAD))
