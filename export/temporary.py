"""One temporary folder for all that an export makes beside its version, so that nothing of a killed one stays."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from export.signals import removing
from export.space import FULL_NUMBERS, without_room

PREFIX = "tidegate-tmp-"
_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]+")
_TRIES = 10

# The folder that the user's TMPDIR means, while tempfile's means the root; one export at a time runs in a process.
_bases: list[Path] = []


def base_folder() -> Path:
    """The user's folder for temporary files, in a root or not. Raises: FileNotFoundError when none can be used."""
    return _bases[-1] if _bases else Path(tempfile.gettempdir())


@contextlib.contextmanager
def temporary_root() -> Iterator[Path]:
    """Within, all temporary files of this process and its children lie in one locked folder, removed at the end.

    The kernel drops the lock when the process dies; roots of dead exports are removed first. What libraries and
    children make lies in it too, for they follow tempfile.tempdir or TMPDIR. Raises: OSError.
    """
    base = base_folder()
    sweep(base)
    root, lock = _locked_root(base)
    before = (tempfile.tempdir, os.environ.get("TMPDIR"))
    _bases.append(base)
    tempfile.tempdir = os.environ["TMPDIR"] = str(root)
    try:
        yield root
    finally:
        with removing():
            _bases.pop()
            tempfile.tempdir = before[0]
            if before[1] is None:
                os.environ.pop("TMPDIR", None)
            else:
                os.environ["TMPDIR"] = before[1]
            shutil.rmtree(root, ignore_errors=True)  # what can't be removed is left to the next export
            os.close(lock)


@contextlib.contextmanager
def temporary_folder(what: str) -> Iterator[Path]:
    """A temporary folder, removed at the end; an OSError of a full disk that names no file gets the base folder's name.

    It is looked at here, while the disk is still full.
    """
    with tempfile.TemporaryDirectory(prefix=f"{what}-") as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.filename is None and error.errno in FULL_NUMBERS and without_room([Path(name)]):
                raise OSError(error.errno, error.strerror, str(base_folder())) from error
            raise


def sweep(base: Path) -> list[Path]:
    """Remove the roots of this user's dead exports; links aren't followed. Returns what was removed."""
    try:
        roots = sorted(path for path in base.iterdir() if _NAME.fullmatch(path.name))
    except PermissionError:
        return []  # a folder in which one may write but not look
    return [root for root in roots if _swept(root)]


def _swept(root: Path) -> bool:
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # gone in the meantime, a link, a file, or another user's: not ours to clean
    try:
        if os.fstat(descriptor).st_uid != os.geteuid() or not _is_locked(descriptor, unlockable=False):
            return False
        with removing():
            shutil.rmtree(root, ignore_errors=True)
        return not root.exists()
    finally:
        os.close(descriptor)


def _locked_root(base: Path) -> tuple[Path, int]:
    """Make a folder and lock it; another export may sweep it before it is locked, so it is looked at once more."""
    for _ in range(_TRIES):
        root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        descriptor = -1
        with contextlib.suppress(FileNotFoundError):  # swept
            descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if _is_locked(descriptor, unlockable=True) and root.exists():
                return root, descriptor
        if descriptor >= 0:
            os.close(descriptor)
    raise FileExistsError(f"{base}: other exports removed {_TRIES} temporary folders as they were made; export again")


def _is_locked(descriptor: int, unlockable: bool) -> bool:
    """Whether the lock could be had; `unlockable` on a file system that knows no locks: it is used, never swept."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return unlockable
    return True
