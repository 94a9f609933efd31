"""Give what the file system and signals raise deep inside an export one clear, named error: how far did it come?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.errors import DiskError, ExportError, InterruptedExportError, PublishedError
from export.publish import Staging
from export.serving_files import PreparedFiles
from export.signals import check_not_stopped, stop_words
from export.space import FULL_NUMBERS, without_room
from export.temporary import base_folder

# How TensorFlow, h5py and zipfile word the two ways of a full disk; TensorFlow keeps no errno.
_FULL = ("no space left on device", "file too large", "disk quota exceeded")
_AFTER_PUBLICATION = "Mend that, then export again: it publishes the next version and writes the files"


@dataclass(slots=True)
class Publication:
    """How far an export has come: its temporary root, staging folder, serving files; each None until there is one."""

    temporary: Path | None = None
    staging: Staging | None = None
    files: PreparedFiles | None = None

    @property
    def version_dir(self) -> Path | None:
        """The version's folder once it is published."""
        return self.staging.version_dir if self.staging is not None and self.staging.is_published else None

    def words(self) -> str:
        """What is there now, for the end of a message."""
        if self.staging is None or self.version_dir is None:
            return "nothing was published"
        waiting = self.files.waiting if self.files is not None else ()
        names = ", ".join(path.name for path in waiting)
        published = f"version {self.staging.version} is published in {self.version_dir}"
        if not waiting:
            return f"{published}, its serving files are written"
        return f"{published}; {names} {'was' if len(waiting) == 1 else 'were'} not written"


@contextlib.contextmanager
def failures_told(out_dir: Path, done: Publication) -> Iterator[None]:
    """Turn an OSError, and TensorFlow's words for a full disk, into DiskError, or PublishedError once published.

    After a signal all comes out as InterruptedExportError that says what is published, whatever a library made of what
    the signal raised, even nothing. Everything else passes.
    """
    try:
        yield
        check_not_stopped()
    except BaseException as error:
        if (told := _told(error, out_dir, done)) is None:
            raise
        raise told from error


def _told(error: BaseException, out_dir: Path, done: Publication) -> BaseException | None:
    """The error to raise instead; None: this one."""
    if (stopped := stop_words()) is not None:
        return InterruptedExportError(f"{stopped}; {done.words()}", done.version_dir)
    remedy = ""
    if isinstance(error, OSError):
        is_full = error.errno in FULL_NUMBERS
        where = error.filename or (_full_place(str(error), out_dir, done) if is_full else out_dir)
        what, remedy = f"{where}: {error.strerror or error}", _remedy(is_full)
    elif isinstance(error, ExportError):
        what = str(error)
    elif isinstance(error, Exception) and any(words in str(error).lower() for words in _FULL):
        what, remedy = f"{_full_place(str(error), out_dir, done)}: the disk is full", _remedy(is_full=True)
    else:
        return None
    if (version_dir := done.version_dir) is not None:
        return PublishedError(f"{done.words()}: {what}. {_AFTER_PUBLICATION}", version_dir)
    return DiskError(f"{what}; {remedy}") if remedy else None


def _full_place(text: str, out_dir: Path, done: Publication) -> str:
    """Which disk is full: the one with the file that the error names, or without room now; else it's one of both."""
    base = base_folder()
    if done.temporary is not None and str(done.temporary) in text:
        return str(base)
    if done.staging is not None and str(done.staging.path) in text:
        return str(out_dir)
    folders = without_room([out_dir, base]) or [out_dir, base]
    return " or ".join(map(str, dict.fromkeys(folders)))


def _remedy(is_full: bool) -> str:
    if is_full:
        return "free some space and export again. Nothing was published, other versions are as they were"
    return "check the path and its permissions"
