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

from export.errors import ExportError, InUseUnknownError, Problems
from export.in_use import Sources
from export.publish import folder_lock, remove_stale, sync_path
from export.retention import Retention, Use, decide
from export.versions import doubled_versions, existing_versions

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is asked: keep so many versions in each of these base paths, and all that these sources name."""

    base_paths: tuple[Path, ...]
    keep: int
    sources: Sources


@dataclass(slots=True)
class Removed:
    """What happened. versions: by base path; problems: what could not be removed, and why."""

    versions: dict[Path, list[int]] = field(default_factory=dict)
    stale: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


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
    if everything := pruning.sources.loading_all(base_path):
        raise InUseUnknownError(
            f"{base_path}: servers load all its versions ({', '.join(everything)}), so each is in use; write the "
            "policy `specific` with the versions to serve there, have the servers read it, then prune"
        )
    doubled = [
        Use(version, f"it has several folders ({', '.join(folders)}): remove the wrong ones by hand")
        for version, folders in doubled_versions(base_path).items()
    ]
    return decide(existing, pruning.keep, [*pruning.sources.uses(base_path, existing), *doubled])


def remove(pruning: Pruning, agreed: Mapping[Path, Collection[int]], say: Say) -> Removed:
    """Remove the versions agreed on, as far as a fresh look under the locks still lets them go.

    A rollout or an export that began meanwhile is so respected. Held together: the locks of every models.config's
    folder, then the base path's, as exports and rollouts take them; none is held while files are deleted.
    Raises: InUseUnknownError, DiskError for a lock that isn't had, OSError; nothing removed in the base path at hand.
    """
    done = Removed()
    for base_path in pruning.base_paths:
        with contextlib.ExitStack() as deleting:
            with contextlib.ExitStack() as locks:
                for folder in sorted({path.resolve().parent for path in pruning.sources.config_paths}):
                    locks.enter_context(folder_lock(folder))
                locks.enter_context(folder_lock(base_path))
                done.stale += remove_stale(base_path)
                decided = plan(Pruning((base_path,), pruning.keep, pruning.sources))
                versions = [version for version in decided[base_path].remove if version in agreed.get(base_path, ())]
                hidden = _out_of_service(base_path, versions, deleting, done)
            for version, path in hidden.items():
                say(f"Deleting {base_path.name} version {version}")
                _delete(path, done)
    return done


def _out_of_service(
    base_path: Path, versions: Collection[int], deleting: contextlib.ExitStack, done: Removed
) -> dict[int, Path]:
    """Rename each version to a name that is no number; a lock on the folder says that its deletion is in hand."""
    existing = existing_versions(base_path)
    hidden: dict[int, Path] = {}
    for version in versions:
        target = base_path / f".{version}.removed-{secrets.token_hex(8)}"
        try:
            if not existing[version].is_symlink():
                deleting.enter_context(_locked(existing[version]))
            existing[version].rename(target)
        except OSError as error:
            done.problems.append(f"{existing[version]}: {error.strerror or error}; it was left as it is")
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
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        done.problems.append(
            f"{error.filename or path}: {error.strerror or error}; the next prune or export removes it"
        )
