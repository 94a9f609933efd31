"""How many calls may be in flight: beyond that they are refused at once, as a server without free threads does."""

from __future__ import annotations

import threading

from backend.errors import Code, ServingError


class Gate:
    """A counter with a limit, used as a context manager around one call. Safe for many threads."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; wanted 1 or more")
        self._limit = limit
        self._inside = 0
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)

    def __enter__(self) -> None:
        with self._lock:
            if self._inside >= self._limit:
                raise ServingError(Code.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")
            self._inside += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._left.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no call is in flight; False: the time was over first."""
        with self._left:
            return self._left.wait_for(lambda: self._inside == 0, timeout_s)
