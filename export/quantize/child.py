"""Run the quantizing child process and own it: crashes and failures turned into one clear error."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from export.errors import UnsupportedVariantError
from export.options import Precision
from export.pruning.child import end_child
from export.quantize.reasons import convert_reason, crash_reason
from export.quantize.worker import ERROR_FILE, Job

TIMEOUT_S = 3600.0  # minutes for the largest model and 256 rows; a process that hangs must still end
_FAILED = 3


def convert_in_child(job: Job, folder: Path) -> None:
    """Convert in a child process; the result lies in `folder`, under the names in `worker`.

    Raises: UnsupportedVariantError when the converter refuses, crashes or hangs; OSError when the disk is full.
    """
    job.write(folder)
    output = folder / "output.txt"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
    with output.open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "export.quantize.worker", str(folder)], stdin=subprocess.PIPE, stdout=said,
            stderr=said, start_new_session=True, cwd=Path(__file__).parents[2], env=environment,
        )  # fmt: skip
    try:
        status = child.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise UnsupportedVariantError(
            f"--precision {job.precision.value}: converting took longer than {TIMEOUT_S:.0f} s and was stopped"
        ) from None
    finally:
        end_child(child)
    if status != 0:
        _raise_reason(status, folder / ERROR_FILE, output, job.precision)


def _raise_reason(status: int, error_path: Path, output: Path, precision: Precision) -> NoReturn:
    """Raises: OSError for a full disk, else UnsupportedVariantError."""
    text = output.read_text(encoding="utf-8", errors="replace")
    error = error_path.read_text(encoding="utf-8") if status == _FAILED and error_path.exists() else None
    full = os.strerror(errno.ENOSPC)
    if full in (error or text):
        raise OSError(errno.ENOSPC, full, str(output.parent))
    if error is not None:
        raise UnsupportedVariantError(convert_reason(error, precision))
    what = signal.Signals(-status).name if status < 0 else f"status {status}"
    raise UnsupportedVariantError(crash_reason(what, text, precision))
