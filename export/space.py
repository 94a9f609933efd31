"""Disk space, looked at before anything is written: a disk that would fill in the middle is refused with figures."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from export.errors import DiskError, Problems

MIN_FREE_FILES = 256  # a version with its reports is a few dozen, its neighbours in the temporary folder as many
# A written model against its source: names, functions and signatures beside the weights, and rounding up to blocks.
_MODEL_FACTOR = 1.25
# Warm-up records, reports with pictures, serving files.
_EXTRA_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes of an export: in the output folder, and in the folder for temporary files."""

    out_bytes: int
    temporary_bytes: int


def estimate_bytes(source_bytes: int, temporary_models: int = 0, is_dry_run: bool = False) -> Needed:
    """Estimate an export of a model file of this size; generous, since a Keras file holds its weights once.

    temporary_models: models written beside the version to be compared or quantized. A dry run writes all of them, the
    version too, to the temporary folder.
    """
    model_bytes = int(source_bytes * _MODEL_FACTOR)
    version_bytes = model_bytes + _EXTRA_BYTES
    temporary_bytes = temporary_models * model_bytes
    if is_dry_run:
        return Needed(0, version_bytes + temporary_bytes)
    return Needed(version_bytes, temporary_bytes)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links aren't followed. Raises: OSError."""
    if not path.is_dir():
        return path.stat().st_size
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(path) for name in names)


def check_export_space(out_dir: Path, needed: Needed) -> None:
    """Refuse an export that won't fit, told once for each file system. Raises: DiskError with all figures; OSError."""
    temporary_dir = Path(tempfile.gettempdir())
    wishes = [(out_dir, needed.out_bytes, "the new version"), (temporary_dir, needed.temporary_bytes, "the measuring")]
    wishes = [wish for wish in wishes if wish[1]]
    if len(wishes) == 2 and _device(out_dir) == _device(temporary_dir):
        wishes = [(out_dir, needed.out_bytes + needed.temporary_bytes, "the new version and the measuring")]
    problems = [problem for wish in wishes for problem in _space_problems(*wish)]
    if problems:
        raise DiskError(f"{Problems('disk space', problems).text()}; nothing was written")


def _space_problems(folder: Path, needed_bytes: int, what: str) -> list[str]:
    """What the file system lacks, of bytes and of files, for a user who isn't root. Raises: OSError."""
    there = _nearest(folder)
    figures = os.statvfs(there)
    free_bytes = figures.f_bavail * figures.f_frsize
    problems = []
    if free_bytes < needed_bytes:
        problems.append(
            f"{folder}: {what} needs about {_size(needed_bytes)}, free are {_size(free_bytes)}; free "
            f"{_size(needed_bytes - free_bytes)} (`tidegate versions prune` removes old versions) or use another disk"
        )
    # File systems that make files as they need them say 0 of 0.
    if figures.f_files and figures.f_favail < MIN_FREE_FILES:
        problems.append(
            f"{folder}: {what} needs room for about {MIN_FREE_FILES} more files, the file system has "
            f"{figures.f_favail}; remove some files"
        )
    return problems


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above that exists: that is where it will be made."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _device(folder: Path) -> int:
    return _nearest(folder).stat().st_dev


def _size(count: int) -> str:
    """Bytes in words: 10^6 to a MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
