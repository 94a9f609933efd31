"""Reads --model_config_file again and again, and applies it each time, changed or not, as TensorFlow Serving does."""

from __future__ import annotations

import logging
import threading

from backend import config as configs
from backend.core import Core
from backend.errors import ServingError, StartError

log = logging.getLogger("backend")


class ConfigPoller:
    """Owns the polling thread. `interval_s` 0 or an empty path: there is none."""

    def __init__(self, core: Core, path: str, interval_s: int) -> None:
        self._core = core
        self._path = path
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="config-poller", daemon=True)

    def start(self) -> None:
        """Start polling, one interval from now."""
        if self._path and self._interval_s:
            self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                self._core.reload(configs.read_file(self._path), self._stopped.is_set)
            except StartError as error:
                log.error("Failed to read ModelServerConfig file: %s", error)
            except ServingError as error:
                log.error("--model_config_file=%s: failed to reload: %s", self._path, error)
