"""The last state of every version there ever was, for GetModelStatus and for those who wait for a model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from backend.errors import Code, ServingError
from backend.states import VersionState, VersionStatus

log = logging.getLogger("backend")
WAIT_SLICE_S = 0.5


class StatusBoard:
    """States by model and version; each change is numbered, logged and wakes the waiters. Safe for many threads."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, VersionStatus]] = {}
        self._changed = threading.Condition()
        self._change = 0

    def publish(self, model: str, version: int, state: VersionState, error: ServingError | None = None) -> None:
        """Record a state; `error` is why a version ended or can't load yet."""
        code, text = (error.code, error.message) if error else (Code.OK, "")
        with self._changed:
            self._change += 1
            status = VersionStatus(state, code, text, self._change)
            self._models.setdefault(model, {})[version] = status
            self._changed.notify_all()
        if error:
            log.error("%s version %d: %s: %s", model, version, state.name, error)
        else:
            log.info("%s version %d: %s", model, version, state.name)

    def versions(self, model: str) -> dict[int, VersionStatus]:
        """States by version, a copy; empty for a model that was never seen."""
        with self._changed:
            return dict(self._models.get(model, {}))

    def available(self) -> dict[str, frozenset[int]]:
        """The AVAILABLE versions of all models."""
        with self._changed:
            return {
                model: frozenset(v for v, status in versions.items() if status.state is VersionState.AVAILABLE)
                for model, versions in self._models.items()
            }

    def now(self) -> int:
        """The number of the latest change."""
        with self._changed:
            return self._change

    def wait(self, ready: Callable[[], bool], give_up: Callable[[], bool]) -> bool:
        """Wait until `ready`, asked after each change; `give_up` is asked twice a second. Returns whether it is."""
        while True:
            seen = self.now()
            if ready():
                return True
            if give_up():
                return False
            with self._changed:
                if self._change == seen:
                    self._changed.wait(WAIT_SLICE_S)
