"""Keeps `tidegate export` and a rollout from changing one models.config at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

# `tidegate export` locks the same file around its change (LOCK_NAME in export/publish.py; programs don't import each
# other). tests/contracts/test_models_config_lock.py holds both names equal.
LOCK_NAME = ".tidegate.lock"
LOCK_TIMEOUT_S = 10.0
_LOOK_S = 0.02


class ModelsConfigLocked(OSError):
    """The lock could not be had; the message says which and why."""


@contextlib.contextmanager
def file_locked(path: Path) -> Iterator[None]:
    """Hold the lock of the folder that `path` lies in. Blocks its thread, for at most LOCK_TIMEOUT_S.

    Raises: ModelsConfigLocked.
    """
    lock = path.resolve().parent / LOCK_NAME  # of the file itself, where a symbolic link stands for it
    try:
        descriptor = _opened(lock)
    except OSError as error:
        raise ModelsConfigLocked(f"{lock}: cannot be opened, so {path.name} is not changed: {error}") from error
    try:
        _wait(lock, descriptor)
        yield
    finally:
        os.close(descriptor)


def _opened(lock: Path) -> int:
    """Made where it is missing. One that another user made can be locked when it can be read. Raises: OSError."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        if not lock.exists():
            raise
        return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)


def _wait(lock: Path, descriptor: int) -> None:
    pause = threading.Event()  # never set: this thread's own way to wait
    for _ in range(max(1, round(LOCK_TIMEOUT_S / _LOOK_S))):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_LOOK_S)
        except OSError as error:
            raise ModelsConfigLocked(f"{lock}: this file system cannot lock it: {error}") from error
        else:
            return
    raise ModelsConfigLocked(f"{lock}: an export has held this lock for {LOCK_TIMEOUT_S:g} s; is one stuck?")
