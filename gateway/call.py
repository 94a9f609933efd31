"""One client call and its deadline, the same behind every transport.

A transport makes the Call and passes `finish`; whoever handles it ends it exactly once with `reply` or `fail`, or the
transport does with `abandon` when the client left. After the end every verb is a no-op.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from gateway.errors import Failure

Headers = tuple[tuple[str, str | bytes], ...]
# A message on its way out: whole, or in pieces where putting a large one together would copy it.
Message = bytes | tuple[bytes, ...]
LARGE_BYTES: Final = 64 * 1024  # from here on a copy costs more than another piece
# (message, failure, response headers): exactly one of message and failure is not None.
Finish = Callable[[bytes | None, Failure | None, Headers], None]

NEVER_US = 2**62


def monotonic_us() -> int:
    """Now, in microseconds of the monotonic clock; deadlines are points on it."""
    return monotonic_ns() // 1000


class Deadline:
    """The point (microseconds, monotonic) until which the caller waits; NEVER_US without one."""

    __slots__ = ("at_us",)

    def __init__(self, at_us: int = NEVER_US) -> None:
        self.at_us = at_us

    def passed(self, now_us: int) -> bool:
        return now_us >= self.at_us

    def remaining_s(self, now_us: int) -> float | None:
        """Seconds left, at least 0; None without a deadline."""
        if self.at_us >= NEVER_US:
            return None
        left_us = self.at_us - now_us
        return left_us / 1e6 if left_us > 0 else 0.0


def _finished(_message: bytes | None, _failure: Failure | None, _headers: Headers) -> None:
    """In place of a transport's `finish` once it ran: an ended call holds on to nobody, so memory is freed at once."""


class Call:
    """A unary call: `method` is the bare name ("Predict"), `message` the request's bytes, metadata keys lower-case."""

    __slots__ = (
        "_finish",
        "_on_end",
        "answered",
        "arm",
        "deadline",
        "ended",
        "ended_us",
        "headers",
        "message",
        "metadata",
        "method",
        "model",
        "started_us",
        "version",
    )

    def __init__(
        self, method: str, message: bytes, metadata: Headers, deadline: Deadline, started_us: int, finish: Finish
    ) -> None:
        self.method = method
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.started_us = started_us
        self.ended_us = started_us  # until it ends
        self.ended = False
        self.answered = False  # ended by a reply
        self.model = ""  # set once routed, for metrics and response headers
        self.arm = ""
        self.version: int | None = None
        self.headers: Headers = ()  # what its end brings, for those who end it without knowing its route
        self._finish = finish
        self._on_end: tuple[Callable[[], None], ...] = ()

    def reply(self, message: bytes, headers: Headers = ()) -> None:
        if not self.ended:
            self.answered = True
            self._end()
            finish, self._finish = self._finish, _finished
            finish(message, None, headers)

    def fail(self, failure: Failure, headers: Headers = ()) -> None:
        if not self.ended:
            self._end()
            finish, self._finish = self._finish, _finished
            finish(None, failure, headers)

    def abandon(self) -> None:
        """The client cancelled or went away: nothing is sent, everyone who waits for the end is told."""
        if not self.ended:
            self._end()
            self._finish = _finished

    def on_end(self, callback: Callable[[], None]) -> None:
        """Run `callback` once when the call ends for whatever reason; at once if it already has."""
        if self.ended:
            callback()
        else:
            self._on_end += (callback,)

    def _end(self) -> None:
        self.ended = True
        self.ended_us = monotonic_ns() // 1000
        callbacks, self._on_end = self._on_end, ()
        for callback in callbacks:
            callback()
