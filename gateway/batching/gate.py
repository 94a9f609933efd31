"""One upstream's window and pace, and the two scheduled looks at it: at this loop turn's end, and at a later time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from gateway.batching.adapt import Pace
from gateway.batching.member import Member
from gateway.batching.ports import Handle, Loop
from gateway.batching.window import Window
from gateway.call import NEVER_US

# Values of requests that say more than they carry (one value that stands for many), of all callers of an upstream.
MAX_EXPANDED_BYTES: Final = 256 * 1024 * 1024

# Lone callers in a row after which the next doesn't wait for the end of its turn, which costs the loop another round.
QUIET_AFTER: Final = 8


class Dispensable(Protocol):
    """What is on its way and nobody waits for."""

    def call_back(self) -> None: ...


class Gate:
    """Owns its handles: at most one of each kind is scheduled. `look` is called with the gate.

    `trials` are joins on their way that only a proof waits for.
    """

    __slots__ = (
        "_look", "_loop", "_soon", "_timer", "_timer_us", "closed", "expanded_bytes", "lone_in_a_row", "pace", "slots",
        "trials", "upstream", "window",
    )  # fmt: skip

    def __init__(self, upstream: str, loop: Loop, look: Callable[[Gate], None]) -> None:
        self.upstream = upstream
        self.window = Window()
        self.pace = Pace()
        self.slots = 0  # when it was last looked at, before `pace` withholds any
        self.closed = False
        self.expanded_bytes = 0  # of callers who are not answered yet
        self.trials: set[Dispensable] = set()
        self.lone_in_a_row = 0  # callers who left by themselves, with nothing to wait for
        self._loop = loop
        self._look = look
        self._soon: Handle | None = None
        self._timer: Handle | None = None
        self._timer_us = NEVER_US

    @property
    def is_quiet(self) -> bool:
        """Whether a caller may leave at once: nobody was met at the ends of the last turns, and nothing is out."""
        window = self.window
        return self.lone_in_a_row >= QUIET_AFTER and not window.members and not window.in_flight

    def look_soon(self) -> None:
        """Look at the end of the loop turn, when everyone who arrives in it is here."""
        if self._soon is None and self.window.members:
            self._soon = self._loop.call_soon(self._look_now)

    def release(self) -> None:
        """A batch has come to its end."""
        self.window.release()
        self.look_soon()

    def look_at(self, wake_us: int, now_us: int) -> None:
        """Look no later than at `wake_us`; an earlier look already due stays, and decides anew."""
        if wake_us < self._timer_us:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_us = wake_us
            self._timer = self._loop.call_later(max(0, wake_us - now_us) / 1e6, self._wake)

    def admit(self, member: Member) -> bool:
        """Whether there is memory for its values until its call ends: always, if its request brought as many bytes."""
        if member.nbytes <= len(member.call.message):
            return True
        if self.expanded_bytes + member.nbytes > MAX_EXPANDED_BYTES:
            return False
        self.expanded_bytes += member.nbytes
        member.call.on_end(partial(self._freed, member.nbytes))
        return True

    def close(self) -> None:
        """As `cancel`, and try no more."""
        self.closed = True
        self.cancel()
        for trial in list(self.trials):
            trial.call_back()

    def cancel(self) -> None:
        """Look no more until asked again."""
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        self._soon = self._timer = None
        self._timer_us = NEVER_US

    def _freed(self, nbytes: int) -> None:
        self.expanded_bytes -= nbytes

    def _look_now(self) -> None:
        self._soon = None
        self._look(self)

    def _wake(self) -> None:
        self._timer, self._timer_us = None, NEVER_US
        self.look_soon()
