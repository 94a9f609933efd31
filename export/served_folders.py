"""Which folder here a name or a path of a server's stands for: servers may see folders under other names and paths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export.retention import Use
from export.versions import existing_versions

# What a user told: the folder of an entry of models.config, by the entry's name; None: none in the output folder.
Told = Mapping[str, Path | None]
_MOST_LINKS = 40  # Linux gives up there too


@dataclass(frozen=True, slots=True)
class ServedFolder:
    """One base path as this machine knows it. names: every name of its own, links in the output folder included."""

    path: Path
    names: frozenset[str]
    told: Told = field(default_factory=dict)

    @classmethod
    def of(cls, base_path: Path, told: Told | None = None) -> ServedFolder:
        """Look for its names. Raises: OSError."""
        here = _identity(base_path)
        others = {child.name for child in _children(base_path.parent) if here is not None and _identity(child) == here}
        return cls(base_path, frozenset({base_path.name, base_path.resolve().name} | others), told or {})

    def is_of(self, name: str, served_path: str) -> bool:
        """Whether an entry of models.config is of this folder: as told, else by its path, its path's end, or its name.

        Rather too often than not: a version taken for one in use stays, and that harms nobody.
        """
        if name in self.told:
            folder = self.told[name]
            return folder is not None and _is_same(folder, self.path)
        if {name, _last_part(served_path)} & self.names:
            return True
        local = _local(served_path)
        return local is not None and _is_same(local, self.path)

    def is_placed(self, name: str, served_path: str) -> bool:
        """Whether it is known which folder an entry is of, this one or another; its name alone doesn't tell."""
        if name in self.told or _last_part(served_path) in {child.name for child in _children(self.path.parent)}:
            return True
        local = _local(served_path)
        if local is None:
            return False
        try:
            return bool(existing_versions(local)) or _is_same(local, self.path)
        except OSError:
            return False


def distinct(base_paths: Sequence[Path]) -> list[Path]:
    """Each folder once, by the name that is no link where there is one: `prod`, a link to `digits`, is `digits`."""
    found: dict[object, Path] = {}
    for path in sorted(base_paths, key=Path.is_symlink):
        found.setdefault(_identity(path) or path, path)
    return sorted(found.values())


def linked_versions(base_path: Path) -> list[Use]:
    """Versions that links in the output folder lead to, also over other links: gone, the links would break.

    Raises: OSError.
    """
    parents = [base_path.parent, base_path, *_children(base_path.parent)]
    links = {child for parent in parents for child in _children(parent) if child.is_symlink()}
    folder = os.path.realpath(base_path)
    return sorted(
        Use(int(step.name), f"{link} is a link to it")
        for link in links
        for step in _steps(link)
        if str(step.parent) == folder and step.name.isascii() and step.name.isdigit()
    )


def _steps(link: Path) -> Iterator[Path]:
    """Where a link leads, step by step, each in its real folder."""
    for _ in range(_MOST_LINKS):
        if not link.is_symlink():
            return
        target = link.parent / link.readlink()
        link = Path(os.path.realpath(target.parent)) / target.name
        yield link


def _children(folder: Path) -> list[Path]:
    """What stands in a folder, hidden names aside; nothing for no folder, or one of somebody else's."""
    try:
        return [child for child in sorted(folder.iterdir()) if not child.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _last_part(served_path: str) -> str:
    return served_path.rstrip("/").rpartition("/")[2]


def _local(served_path: str) -> Path | None:
    """The path on this machine, should it be the same here; None for another storage's (`gs://...`)."""
    path = served_path.removeprefix("file://")
    return Path(path) if path.startswith("/") else None


def _is_same(one: Path, other: Path) -> bool:
    """Whether both are one folder, over links and bind mounts."""
    identity = _identity(one)
    return identity is not None and identity == _identity(other)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a folder; None where there is none to be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
