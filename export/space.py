"""Disk space, looked at before anything is written: a disk that would fill in the middle is refused with figures."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from export.data import Split
from export.errors import DiskError, Problems

MIN_FREE_FILES = 256  # a version with its reports is a few dozen, its neighbours in the temporary folder as many
# A written model against its source: names, functions and signatures beside the weights, and rounding up to blocks.
_MODEL_FACTOR = 1.25
# What the kernel says of a file system without room; the second of a limit on the length of a file.
FULL_NUMBERS = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_NO_ROOM_BYTES = 1024 * 1024  # a library gives up once its next block, of up to this, doesn't fit
# Warm-up records, reports with pictures, serving files.
_EXTRA_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes of an export: in the output folder, and in the folder for temporary files."""

    out_bytes: int
    temporary_bytes: int


def estimate_bytes(
    source_bytes: int, temporary_models: int = 0, is_dry_run: bool = False, training_bytes: int = 0
) -> Needed:
    """Estimate an export of a model file of this size; generous, since a Keras file holds its weights once.

    temporary_models: models written beside the version to be compared or quantized. A dry run writes all of them, the
    version too, to the temporary folder. training_bytes: the rows to fine-tune with, which lie there with the model
    before and after, 0 without; they are gone when the other models are written.
    """
    model_bytes = int(source_bytes * _MODEL_FACTOR)
    version_bytes = model_bytes + _EXTRA_BYTES
    training = training_bytes + 2 * model_bytes if training_bytes else 0
    if is_dry_run:
        return Needed(0, max(version_bytes + temporary_models * model_bytes, training))
    return Needed(version_bytes, max(temporary_models * model_bytes, training))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links aren't followed. Raises: OSError."""
    if not path.is_dir():
        return path.stat().st_size
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(path) for name in names)


def without_room(folders: Iterable[Path]) -> list[Path]:
    """Those whose file system is full, of bytes or of files, for a user who isn't root. Raises: OSError."""
    return [folder for folder in folders if _is_full(os.statvfs(_nearest(folder)))]


def _is_full(figures: os.statvfs_result) -> bool:
    no_files = figures.f_files > 0 and figures.f_favail == 0
    return no_files or figures.f_bavail * figures.f_frsize < _NO_ROOM_BYTES


def rows_bytes(split: Split) -> int:
    """Bytes of all rows as they are written for a child: texts as the widest of them, four bytes a character."""
    arrays = [*split.inputs.values(), *([] if split.labels is None else [split.labels])]
    return sum(
        4 * rows.size * max(map(len, rows.flat), default=0) if rows.dtype == object else rows.nbytes for rows in arrays
    )


def check_export_space(out_dir: Path, temporary_dir: Path, needed: Needed) -> None:
    """Refuse an export that won't fit, told once for each file system. Raises: DiskError with all figures; OSError."""
    beside = "the work beside it"
    wishes = [(out_dir, needed.out_bytes, "the new version"), (temporary_dir, needed.temporary_bytes, beside)]
    wishes = [wish for wish in wishes if wish[1]]
    if len(wishes) == 2 and _device(out_dir) == _device(temporary_dir):
        wishes = [(out_dir, needed.out_bytes + needed.temporary_bytes, f"the new version and {beside}")]
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
