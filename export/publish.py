"""Publish a version atomically: a temporary folder in the base path, synced, then renamed under a lock, or nothing.

How it stays safe:
- The folder is `.K.tmp-RANDOM`, whose name is no number, so no server ever loads it; being on the same mount, it is
  renamed in one step.
- One lock per base path (`.tidegate.lock`) covers choosing a number, cleaning up and renaming; one in the folder of
  models.config covers the serving files. Neither is held while the model is written, and the second is taken first.
- A running export holds a lock on its temporary folder. The kernel drops it when the process dies, so a folder whose
  lock can be had belongs to nobody and is removed by the next export.
- Plain mkdir and open, so modes follow the user's umask, and a server under another user can read the version.
- A dry run writes to the folder for temporary files and takes no lock: the output folder stays untouched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from export.errors import DiskError
from export.signals import check_not_stopped, removing
from export.versions import check_version_is_free, existing_versions, temporary_dirs

# A rollout locks the same file around its change of models.config (LOCK_NAME in gateway/rollout/file_lock.py; programs
# don't import each other). tests/contracts/test_models_config_lock.py holds both names equal.
LOCK_NAME = ".tidegate.lock"
LOCK_TIMEOUT_S = 30.0
_LOCK_POLL_S = 0.05


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock file. Raises: DiskError when another process keeps it for LOCK_TIMEOUT_S, OSError."""
    path = folder / LOCK_NAME
    descriptor = _opened(path)
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DiskError(
                    f"{path}: another export or a rollout has held this lock for {LOCK_TIMEOUT_S:.0f} s; try again"
                )
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open a lock file, made where it is missing. One made by another user can be locked when it can be read."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Staging:
    """The temporary folder of one version to be, from reservation to publication or removal; a context manager."""

    def __init__(self, base_path: Path, wanted_version: int | None, is_dry_run: bool = False) -> None:
        """Reserve a version number: the wanted one, or the next after all that exist or are being written.

        A dry run reserves nothing: its version is the one that would come now. Raises: VersionExistsError, OSError.
        """
        self._base_path = base_path
        self._is_dry_run = is_dry_run
        self._published: bool | None = False if is_dry_run else None  # None: not decided before the end
        self._synced = False
        self.removed_stale: list[Path] = []
        if is_dry_run:
            self.version = _chosen_version(base_path, wanted_version)
            self.path = Path(tempfile.mkdtemp(prefix="dry-run-"))
            self._lock = _locked_folder(self.path)
            return
        base_path.mkdir(parents=True, exist_ok=True)
        with folder_lock(base_path):
            self.removed_stale = remove_stale(base_path)
            self.version = _chosen_version(base_path, wanted_version)
            self.path = base_path / f".{self.version}.tmp-{secrets.token_hex(8)}"
            self.path.mkdir()
            self._lock = _locked_folder(self.path)

    @property
    def version_dir(self) -> Path:
        """Where the version is once it is published."""
        return self._base_path / str(self.version)

    @property
    def is_published(self) -> bool:
        """Read from the disk, so it is right wherever a signal or an error struck."""
        return not self.path.exists() if self._published is None else self._published

    def sync(self) -> None:
        """Bring all that was written to the disk, which takes long; no lock is needed. Raises: OSError."""
        sync_tree(self.path)
        self._synced = True

    def publish(self) -> Path:
        """Make the version visible in one step; return its folder.

        Raises: VersionExistsError, OSError; InterruptedExportError when a signal came before, even if somebody caught
        what it raised; ValueError for a dry run, which publishes nothing.
        """
        if self._is_dry_run:
            raise ValueError(f"version {self.version} is a dry run's: it is measured and removed, never published")
        if not self._synced:
            self.sync()
        with folder_lock(self._base_path):
            check_version_is_free(self._base_path, self.version)
            check_not_stopped()
            self.path.rename(self.version_dir)
        sync_path(self._base_path)
        return self.version_dir

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder unless published; a removal that fails is left to the next export, which cleans up."""
        self._published = self.is_published
        if not self._published:
            with removing():
                shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _chosen_version(base_path: Path, wanted_version: int | None) -> int:
    if wanted_version is not None:
        check_version_is_free(base_path, wanted_version)
        return wanted_version
    return max([*existing_versions(base_path), *temporary_dirs(base_path).values()], default=0) + 1


def _locked_folder(path: Path) -> int:
    """Open and lock a fresh folder; remove it again when the file system can't. Raises: OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        path.rmdir()
        raise
    return descriptor


def remove_stale(base_path: Path) -> list[Path]:
    """Remove folders of exports and prunings that died; the base path's lock must be held. Returns what was removed."""
    removed = []
    for path in temporary_dirs(base_path):
        if path.is_symlink() or path.is_file():  # pruned where it was no folder; what a link leads to isn't ours
            path.unlink(missing_ok=True)
            removed.append(path)
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                continue  # gone in the meantime, no folder, or another user's: not ours to clean
            raise
        try:
            if _try_lock(descriptor):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
        finally:
            os.close(descriptor)
    return removed


def sync_tree(folder: Path) -> None:
    """Bring every file and folder below, and the folder itself, to the disk. Raises: OSError."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_path(Path(parent) / name)
        sync_path(Path(parent))


def sync_path(path: Path) -> None:
    """Bring one file, or the names in one folder, to the disk. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
