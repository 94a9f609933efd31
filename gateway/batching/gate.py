"""One upstream's window and the two scheduled looks at it: at this loop turn's end, and when time makes a change."""

from __future__ import annotations

from collections.abc import Callable

from gateway.batching.ports import Handle, Loop
from gateway.batching.window import Window
from gateway.call import NEVER_US


class Gate:
    """Owns its handles: at most one of each kind is scheduled. `look` is called with the gate."""

    __slots__ = ("_look", "_loop", "_soon", "_timer", "_timer_us", "upstream", "window")

    def __init__(self, upstream: str, loop: Loop, look: Callable[[Gate], None]) -> None:
        self.upstream = upstream
        self.window = Window()
        self._loop = loop
        self._look = look
        self._soon: Handle | None = None
        self._timer: Handle | None = None
        self._timer_us = NEVER_US

    def look_soon(self) -> None:
        """Look at the end of the loop turn, when everyone who arrives in it is here."""
        if self._soon is None and self.window.members:
            self._soon = self._loop.call_soon(self._look_now)

    def look_at(self, wake_us: int, now_us: int) -> None:
        """Look no later than at `wake_us`; an earlier look already due stays, and decides anew."""
        if wake_us < self._timer_us:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_us = wake_us
            self._timer = self._loop.call_later(max(0, wake_us - now_us) / 1e6, self._wake)

    def cancel(self) -> None:
        """Look no more until asked again."""
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        self._soon = self._timer = None
        self._timer_us = NEVER_US

    def _look_now(self) -> None:
        self._soon = None
        self._look(self)

    def _wake(self) -> None:
        self._timer, self._timer_us = None, NEVER_US
        self.look_soon()
