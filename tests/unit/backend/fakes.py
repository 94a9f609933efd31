"""Fakes with behaviour: models that load when told to, and a manager with its board around them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.errors import Code, ServingError
from backend.manager import Manager, ManagerOptions
from backend.servable import LoadedModel
from backend.states import VersionState
from backend.statusboard import StatusBoard
from backend.tensors import Array

DEADLINE_S = 10.0


class FakeRunner:
    """Answers with its inputs; knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def run(self, feeds: Sequence[str], arrays: Sequence[Array], fetches: Sequence[str]) -> list[Array]:
        """The inputs."""
        return list(arrays)

    def close(self) -> None:
        """Remember it."""
        self.closed.set()


class FakeDisk:
    """Loads versions: at once, after allow() for those in `held`, never for those in `broken`."""

    def __init__(self) -> None:
        self.broken: set[int] = set()
        self.held: dict[int, threading.Event] = {}
        self.attempts: list[int] = []
        self.runners: dict[int, FakeRunner] = {}

    def hold(self, version: int) -> threading.Event:
        """Loads of this version wait for the returned event."""
        return self.held.setdefault(version, threading.Event())

    def load(self, name: str, version: int, path: str) -> LoadedModel:
        """What the manager calls."""
        self.attempts.append(version)
        if version in self.held and not self.held[version].wait(DEADLINE_S):
            raise AssertionError("the test never allowed the load")
        if version in self.broken:
            raise ServingError(Code.DATA_LOSS, f"{path} is broken")
        self.runners[version] = FakeRunner()
        return LoadedModel({}, {}, {}, self.runners[version])


def wait_for(board: StatusBoard, model: str, version: int, state: VersionState) -> None:
    """Wait until the version is in the state."""
    until = time.monotonic() + DEADLINE_S

    def there() -> bool:
        status = board.versions(model).get(version)
        return status is not None and status.state is state

    assert board.wait(there, lambda: time.monotonic() > until), board.versions(model)


@contextmanager
def managed(disk: FakeDisk, retries: int = 0, interval_us: int = -1) -> Iterator[tuple[Manager, StatusBoard]]:
    """A running manager with two load threads and two unload threads."""
    board = StatusBoard()
    manager = Manager(disk.load, board, ManagerOptions(retries, interval_us, 2, 2, 2))
    manager.start()
    manager.end_initial_load()
    try:
        yield manager, board
    finally:
        for event in disk.held.values():
            event.set()
        manager.stop(DEADLINE_S)
