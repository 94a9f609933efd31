"""Looks into the base paths for versions, again and again, and tells the manager what each model should have."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backend.config import ModelSettings
from backend.policy import choose

log = logging.getLogger("backend")
SetAspired = Callable[[str, Mapping[int, str]], None]


class BasePathMissing(Exception):
    """One model's base path isn't there: the whole poll is void, as in TensorFlow Serving."""


def poll(models: Sequence[ModelSettings]) -> tuple[dict[str, dict[int, str]], list[str]]:
    """The wanted versions' directories by model, and warnings. Raises BasePathMissing at the first that lacks one."""
    wanted: dict[str, dict[int, str]] = {}
    warnings: list[str] = []
    for model in models:
        try:
            children = [child.name for child in Path(model.base_path).iterdir()]
        except OSError as error:
            raise BasePathMissing(
                f"Could not find base path {model.base_path} for servable {model.name} with error {error}"
            ) from error
        choice = choose(model.policy, children, model.name)
        warnings += choice.warnings
        base = Path(model.base_path)
        wanted[model.name] = {version: str(base / name) for version, name in choice.versions.items()}
    return wanted, warnings


class Poller:
    """Owns the polling thread. `interval_s` 0 means: once for each configuration; negative: never."""

    def __init__(self, set_aspired: SetAspired, interval_s: int) -> None:
        self._set_aspired = set_aspired
        self._interval_s = interval_s
        self._models: tuple[ModelSettings, ...] = ()
        self._wake = threading.Condition()
        self._due = False
        self._stopped = False
        self._said: list[str] = []
        self._thread = threading.Thread(target=self._work, name="poller", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def models(self) -> tuple[ModelSettings, ...]:
        """The configuration in force."""
        with self._wake:
            return self._models

    def configure(self, models: tuple[ModelSettings, ...]) -> None:
        """Replace the models; those that are gone lose all versions at once, the rest is polled right away."""
        with self._wake:
            kept = {model.name for model in models}
            for gone in self._models:
                if gone.name not in kept:
                    self._set_aspired(gone.name, {})
            self._models = models
            self._due = True
            self._wake.notify_all()

    def _work(self) -> None:
        with self._wake:
            while not self._stopped:
                if self._due or self._interval_s > 0:
                    self._due = False
                    self._poll_once()
                self._wake.wait_for(
                    lambda: self._due or self._stopped, self._interval_s if self._interval_s > 0 else None
                )

    def _poll_once(self) -> None:
        if self._interval_s < 0:
            return
        try:
            wanted, said = poll(self._models)
        except BasePathMissing as error:
            wanted, said = {}, [f"no version of any model can change: {error}"]
        for text in said:
            if text not in self._said:
                log.warning("%s", text)
        self._said = said
        for model, versions in wanted.items():
            self._set_aspired(model, versions)
