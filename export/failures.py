"""Give what the file system and signals raise deep inside an export one clear, named error."""

from __future__ import annotations

import contextlib
import errno
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from export.errors import DiskError, ExportError, InterruptedExportError

# How TensorFlow, h5py and zipfile word the two ways of a full disk; TensorFlow keeps no errno.
_FULL = ("no space left on device", "file too large", "disk quota exceeded")
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@contextlib.contextmanager
def disk_errors_named(out_dir: Path) -> Iterator[None]:
    """Turn an OSError, and TensorFlow's words for a full disk, into DiskError; let everything else pass."""
    try:
        yield
    except ExportError:
        raise
    except OSError as error:
        what = error.strerror or str(error)
        raise DiskError(f"{error.filename or out_dir}: {what}; {_remedy(error.errno)}") from error
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
    raise InterruptedExportError(f"stopped by {signal.Signals(number).name}; nothing was published")
