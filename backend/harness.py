"""One managed version: its stage, the loaded model, and the calls that hold it."""

from __future__ import annotations

import threading

from backend.plan import Snapshot, Stage
from backend.servable import LoadedModel

WAIT_SLICE_S = 0.5


class Harness:
    """A version from its first wish to its end.

    `stage` and `aspired` belong to the manager (changed under its lock). Calls hold the model by acquire()/release();
    after close() no further call gets it, and wait_idle() returns once the last holder let go.
    """

    __slots__ = ("_closed", "_holders", "_idle", "aspired", "cancelled", "model", "name", "path", "stage", "version")

    def __init__(self, name: str, version: int, path: str) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.stage = Stage.NEW
        self.aspired = True
        self.model: LoadedModel | None = None
        self.cancelled = threading.Event()
        self._idle = threading.Condition(threading.Lock())
        self._holders = 0
        self._closed = False

    def snapshot(self) -> Snapshot:
        """For the planner."""
        return Snapshot(self.version, self.stage, self.aspired)

    def acquire(self) -> bool:
        """Hold the model for one call; False: it is being unloaded."""
        with self._idle:
            if self._closed:
                return False
            self._holders += 1
            return True

    def release(self) -> None:
        """Let go what acquire() held."""
        with self._idle:
            self._holders -= 1
            if self._closed and self._holders == 0:
                self._idle.notify_all()

    def close(self) -> None:
        """No further call gets the model."""
        with self._idle:
            self._closed = True

    def wait_idle(self, stopped: threading.Event) -> bool:
        """Wait for the calls in flight; gives up, with False, once the server stops."""
        with self._idle:
            while self._holders:
                if stopped.is_set():
                    return False
                self._idle.wait(WAIT_SLICE_S)
        return True
