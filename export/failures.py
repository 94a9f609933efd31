"""Give what the file system and signals raise deep inside an export one clear, named error: how far did it come?"""

from __future__ import annotations

import contextlib
import errno
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from export.errors import DiskError, ExportError, InterruptedExportError, PublishedError
from export.publish import Staging
from export.serving_files import PreparedFiles

# How TensorFlow, h5py and zipfile word the two ways of a full disk; TensorFlow keeps no errno.
_FULL = ("no space left on device", "file too large", "disk quota exceeded")
_AFTER_PUBLICATION = "Mend that, then export again: it publishes the next version and writes the files"
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(slots=True)
class Publication:
    """How far an export has come: its staging folder and its serving files, each None until there is one."""

    staging: Staging | None = None
    files: PreparedFiles | None = None

    @property
    def is_published(self) -> bool:
        return self.staging is not None and self.staging.is_published

    def words(self) -> str:
        """What is there now, for the end of a message."""
        if self.staging is None or not self.staging.is_published:
            return "nothing was published"
        waiting = self.files.waiting if self.files is not None else ()
        names = ", ".join(path.name for path in waiting)
        published = f"version {self.staging.version} is published in {self.staging.version_dir}"
        if not waiting:
            return f"{published}, its serving files are written"
        return f"{published}; {names} {'was' if len(waiting) == 1 else 'were'} not written"


@contextlib.contextmanager
def failures_told(out_dir: Path, done: Publication) -> Iterator[None]:
    """Turn an OSError, and TensorFlow's words for a full disk, into DiskError, or PublishedError once published.

    A signal's error gets what is published added; everything else passes.
    """
    try:
        yield
    except InterruptedExportError as error:
        raise InterruptedExportError(f"{error}; {done.words()}") from error
    except ExportError as error:
        if done.is_published:
            raise PublishedError(f"{done.words()}: {error}. {_AFTER_PUBLICATION}") from error
        raise
    except OSError as error:
        what = f"{error.filename or out_dir}: {error.strerror or error}"
        if done.is_published:
            raise PublishedError(f"{done.words()}: {what}. {_AFTER_PUBLICATION}") from error
        raise DiskError(f"{what}; {_remedy(error.errno)}") from error
    except Exception as error:
        if any(words in str(error).lower() for words in _FULL):
            raise DiskError(f"{out_dir}: the disk is full; {_remedy(errno.ENOSPC)}") from error
        raise


def _remedy(number: int | None) -> str:
    if number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return "free some space and export again. Nothing was published, other versions are as they were"
    return "check the path and its permissions"


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGTERM, SIGHUP and SIGINT raise InterruptedExportError, so that temporary folders are removed."""
    before = {number: signal.signal(number, _stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    for each in _STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second signal must not interrupt the removal
    raise InterruptedExportError(f"stopped by {signal.Signals(number).name}")
