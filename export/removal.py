"""Remove old versions: decided anew under the locks, taken out of service by one rename each, deleted afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from export.errors import ExportError, InUseUnknownError, Problems
from export.in_use import Sources
from export.publish import folder_lock, remove_stale, sync_path
from export.retention import Retention, Use, decide
from export.versions import doubled_versions, existing_versions

Say = Callable[[str], None]
# Of each version's folder: device, inode, and when it was last changed, in ns. One that is replaced has others.
Seen = Mapping[Path, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is asked: keep so many versions in each of these base paths, and all that these sources name."""

    base_paths: tuple[Path, ...]
    keep: int
    sources: Sources


@dataclass(frozen=True, slots=True)
class _Agreed:
    """The versions of one base path that may go, and what they were when that was said."""

    versions: Collection[int]
    seen: Seen


@dataclass(slots=True)
class Removed:
    """What happened. versions: by base path; problems: what could not be removed, and why."""

    versions: dict[Path, list[int]] = field(default_factory=dict)
    stale: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def versions_seen(pruning: Pruning) -> Seen:
    """What stands there now, for `remove` to tell whether it still does. Raises: OSError."""
    paths = [path for base_path in pruning.base_paths for path in existing_versions(base_path).values()]
    return {path: _seen(path) for path in paths}


def _seen(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return (status.st_dev, status.st_ino, status.st_ctime_ns)


def plan(pruning: Pruning) -> dict[Path, Retention]:
    """Decide for every base path; changes nothing.

    Raises: InUseUnknownError with every reason why what is in use can't be told, or is everything; OSError.
    """
    plans: dict[Path, Retention] = {}
    problems: list[str] = []
    for base_path in pruning.base_paths:
        try:
            plans[base_path] = _decided(pruning, base_path)
        except ExportError as error:
            problems.append(str(error))
    if problems:
        raise InUseUnknownError(f"{Problems('nothing was removed', list(dict.fromkeys(problems))).text()}")
    return plans


def _decided(pruning: Pruning, base_path: Path) -> Retention:
    """Raises: ExportError, OSError."""
    existing = existing_versions(base_path)
    in_use = pruning.sources.look(base_path)
    if everything := in_use.loading_all():
        raise InUseUnknownError(
            f"{base_path}: servers load all its versions ({', '.join(everything)}), so each is in use; write the "
            "policy `specific` with the versions to serve there, have the servers read it, then prune"
        )
    doubled = [
        Use(version, f"it has several folders ({', '.join(folders)}): remove the wrong ones by hand")
        for version, folders in doubled_versions(base_path).items()
    ]
    return decide(existing, pruning.keep, [*in_use.uses(existing), *doubled])


def remove(
    pruning: Pruning, agreed: Mapping[Path, Collection[int]], say: Say, seen: Seen = MappingProxyType({})
) -> Removed:
    """Remove the versions agreed on, as far as a fresh look under the locks still lets them go.

    A rollout or an export that began meanwhile is so respected; a version of `seen` (versions_seen, before the plan)
    that was replaced meanwhile isn't the one agreed on. What fails once something was removed is among the problems.
    Raises: InUseUnknownError, DiskError for a lock that isn't had, OSError; then nothing was removed.
    """
    done = Removed()
    for base_path in pruning.base_paths:
        try:
            gone = _Agreed(agreed.get(base_path, ()), seen)
            _remove_in(base_path, pruning, gone, say, done)
        except (ExportError, OSError) as error:
            if not (done.versions or done.stale or done.problems):
                raise
            done.problems.append(f"{base_path}: {error}")
    return done


def _remove_in(base_path: Path, pruning: Pruning, agreed: _Agreed, say: Say, done: Removed) -> None:
    """Held together: the locks of every models.config's folder, then the base path's, as exports and rollouts take
    them, each once, since a process waits for itself too; none is held while files are deleted.
    """
    with contextlib.ExitStack() as deleting:
        with contextlib.ExitStack() as locks:
            folders = sorted({path.resolve().parent for path in pruning.sources.config_paths})
            for folder in dict.fromkeys([*folders, base_path.resolve()]):
                locks.enter_context(folder_lock(folder))
            done.stale += remove_stale(base_path)
            decided = plan(Pruning((base_path,), pruning.keep, pruning.sources))
            versions = [version for version in decided[base_path].remove if version in agreed.versions]
            hidden = _out_of_service(base_path, _Agreed(versions, agreed.seen), deleting, done)
        for version, path in hidden.items():
            say(f"Deleting {base_path.name} version {version}")
            _delete(path, done)


def _out_of_service(base_path: Path, agreed: _Agreed, deleting: contextlib.ExitStack, done: Removed) -> dict[int, Path]:
    """Rename each version to a name that is no number; a lock on the folder says that its deletion is in hand."""
    existing = existing_versions(base_path)
    hidden: dict[int, Path] = {}
    for version in agreed.versions:
        path = existing.get(version, base_path / str(version))  # gone: by hand, which takes no lock
        target = base_path / f".{version}.removed-{secrets.token_hex(8)}"
        try:
            if path in agreed.seen and _seen(path) != agreed.seen[path]:
                done.problems.append(f"{path}: changed since it was agreed to remove it; it was left as it is")
                continue
            if not path.is_symlink():
                deleting.enter_context(_locked(path))
            path.rename(target)
        except OSError as error:
            done.problems.append(f"{path}: {error.strerror or error}; it was left as it is")
        else:
            hidden[version] = target
            done.versions.setdefault(base_path, []).append(version)
    sync_path(base_path)
    return hidden


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a version's folder (or file). Raises: OSError, also when somebody else holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _delete(path: Path, done: Removed) -> None:
    """Delete what no server sees any more; what can't be is left to the next prune or export."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)  # an export may have cleaned it up: nothing locks a link
        else:
            shutil.rmtree(path)
    except OSError as error:
        done.problems.append(
            f"{error.filename or path}: {error.strerror or error}; the next prune or export removes it"
        )
