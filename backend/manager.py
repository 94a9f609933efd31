"""Keeps each model at the versions its policy wants: loads and unloads, and hands loaded versions to calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from backend import memory
from backend.errors import Code, ServingError, servable_not_found
from backend.harness import Harness
from backend.plan import Load, Stage, Unload, next_action
from backend.servable import LoadedModel
from backend.states import VersionState
from backend.statusboard import StatusBoard

log = logging.getLogger("backend")
LoadModel = Callable[[str, int, str], LoadedModel]


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """Load retries and threads; 0 threads: the manager's own thread does it, one after the other."""

    max_num_load_retries: int
    load_retry_interval_us: int
    num_load_threads: int
    num_unload_threads: int
    num_initial_load_threads: int


class Manager:
    """Owns its thread, its thread pools and all loaded models. start(), set_aspired() as often as wished, stop()."""

    def __init__(self, load: LoadModel, board: StatusBoard, options: ManagerOptions) -> None:
        self._load_model = load
        self._board = board
        self._options = options
        self._harnesses: dict[str, dict[int, Harness]] = {}
        self._pending: dict[str, dict[int, str]] = {}
        self._wake = threading.Condition()
        self._stopped = threading.Event()
        # Replaced, never changed: calls read it without a lock.
        self._serving: dict[str, dict[int, Harness]] = {}
        self._thread = threading.Thread(target=self._work, name="manager", daemon=True)
        self._load_pool: ThreadPoolExecutor | None = ThreadPoolExecutor(options.num_initial_load_threads, "load")
        self._unload_pool = (
            ThreadPoolExecutor(options.num_unload_threads, "unload") if options.num_unload_threads else None
        )

    def start(self) -> None:
        """Start the manager's thread."""
        self._thread.start()

    def end_initial_load(self) -> None:
        """From now on loads use --num_load_threads; until now the first ones ran side by side."""
        initial, number = self._load_pool, self._options.num_load_threads
        with self._wake:
            self._load_pool = ThreadPoolExecutor(number, "load") if number else None
        if initial:
            initial.shutdown(wait=False)

    def stop(self, timeout_s: float) -> None:
        """Stop loading and unloading. Models stay in memory until the process ends."""
        with self._wake:
            self._stopped.set()
            for versions in self._harnesses.values():
                for harness in versions.values():
                    harness.cancelled.set()
            for pool in (self._load_pool, self._unload_pool):
                if pool:
                    pool.shutdown(wait=False, cancel_futures=True)
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def set_aspired(self, model: str, versions: Mapping[int, str]) -> None:
        """The versions that the model should have, with their directories; replaces the last wish for this model."""
        with self._wake:
            self._pending[model] = dict(versions)
            self._wake.notify_all()

    def aspired(self, model: str) -> frozenset[int]:
        """The versions wanted now, wishes not yet taken up included."""
        with self._wake:
            pending = self._pending.get(model)
            if pending is not None:
                return frozenset(pending)
            return frozenset(h.version for h in self._harnesses.get(model, {}).values() if h.aspired)

    @contextmanager
    def hold(self, model: str, version: int | None) -> Iterator[tuple[int, LoadedModel]]:
        """A loaded version, kept in memory while the block runs; None: the highest AVAILABLE one. Raises NOT_FOUND."""
        harness = self._acquire(model, version)
        try:
            if harness.model is None:
                raise servable_not_found(model, version)
            yield harness.version, harness.model
        finally:
            harness.release()

    def _acquire(self, model: str, version: int | None) -> Harness:
        while True:
            versions = self._serving.get(model)
            if not versions:
                raise servable_not_found(model, version)
            harness = versions.get(max(versions) if version is None else version)
            if harness is None:
                raise servable_not_found(model, version)
            if harness.acquire():
                return harness
            # It was closed after we read the table, and the table was replaced before that: read again.

    def _work(self) -> None:
        while True:
            with self._wake:
                if self._stopped.is_set():
                    return
                self._take_up_wishes()
                step = self._next_step()
                if step is None:
                    self._wake.wait()
                    continue
                action, harness = step
                harness.stage = Stage.LOADING if isinstance(action, Load) else Stage.UNLOADING
                pool = self._load_pool if isinstance(action, Load) else self._unload_pool
                work = self._load if isinstance(action, Load) else self._unload
                if pool is not None:
                    # Under the lock, since end_initial_load() and stop() close pools.
                    pool.submit(work, harness)
                    continue
            work(harness)

    def _take_up_wishes(self) -> None:
        """Apply what set_aspired() left; a wish for a version that is just being unloaded waits until it is gone."""
        for versions in self._harnesses.values():
            for harness in list(versions.values()):
                if harness.stage in (Stage.NEW, Stage.ENDED) and not harness.aspired:
                    del versions[harness.version]
        for model, wished in list(self._pending.items()):
            managed = self._harnesses.setdefault(model, {})
            if any(v in managed and not managed[v].aspired and not self._revive(managed[v]) for v in wished):
                continue
            del self._pending[model]
            for harness in managed.values():
                if harness.version not in wished:
                    harness.aspired = False
                    harness.cancelled.set()
            for version, path in wished.items():
                if version not in managed:
                    managed[version] = Harness(model, version, path)
                    self._board.publish(model, version, VersionState.START)
        for model in [m for m, versions in self._harnesses.items() if not versions]:
            del self._harnesses[model]

    @staticmethod
    def _revive(harness: Harness) -> bool:
        """A version that still serves, though it was to go, can simply stay."""
        if harness.stage is not Stage.READY:
            return False
        harness.aspired = True
        harness.cancelled.clear()
        return True

    def _next_step(self) -> tuple[Load | Unload, Harness] | None:
        """The next action over all models; unloads come first, since they free the memory that loads need."""
        steps = []
        for versions in self._harnesses.values():
            action = next_action([harness.snapshot() for harness in versions.values()])
            if action:
                steps.append((action, versions[action.version]))
        return min(steps, key=lambda step: isinstance(step[0], Load), default=None)

    def _load(self, harness: Harness) -> None:
        """Load with retries; the version ends AVAILABLE or, with its error, in END."""
        self._board.publish(harness.name, harness.version, VersionState.LOADING)
        model, error = self._try_load(harness)
        with self._wake:
            if model is None:
                harness.stage = Stage.ENDED
            else:
                harness.model = model
                harness.stage = Stage.READY
                self._replace_serving(harness.name)
        state = VersionState.END if error else VersionState.AVAILABLE
        self._board.publish(harness.name, harness.version, state, error)
        with self._wake:
            self._wake.notify_all()

    def _try_load(self, harness: Harness) -> tuple[LoadedModel | None, ServingError | None]:
        error = None
        for attempt in range(self._options.max_num_load_retries + 1):
            if attempt:
                log.warning("%s version %d: load failed, will be tried again: %s", harness.name, harness.version, error)
                if harness.cancelled.wait(max(self._options.load_retry_interval_us, 0) / 1e6):
                    break
            try:
                return self._load_model(harness.name, harness.version, harness.path), None
            except ServingError as failed:
                error = failed
            except Exception as failed:  # a broken model may raise anything, and the others must live on
                log.exception("%s version %d: unexpected failure while loading", harness.name, harness.version)
                error = ServingError(Code.INTERNAL, f"{type(failed).__name__}: {failed}")
        return None, error

    def _unload(self, harness: Harness) -> None:
        """Take the version out of service, let its calls finish, free it."""
        self._board.publish(harness.name, harness.version, VersionState.UNLOADING)
        with self._wake:
            self._replace_serving(harness.name)
        harness.close()
        if harness.wait_idle(self._stopped) and harness.model:
            harness.model.runner.close()
            harness.model = None
            memory.give_back()
        with self._wake:
            harness.stage = Stage.ENDED
        self._board.publish(harness.name, harness.version, VersionState.END)
        with self._wake:
            self._wake.notify_all()

    def _replace_serving(self, model: str) -> None:
        ready = {h.version: h for h in self._harnesses.get(model, {}).values() if h.stage is Stage.READY}
        serving = {name: versions for name, versions in self._serving.items() if name != model}
        if ready:
            serving[model] = ready
        self._serving = serving
