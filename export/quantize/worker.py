"""The quantizing child process: one job, read from a folder, done; failures become words in `error.txt`.

Apart from the exporter, because TensorFlow's quantizers write to stderr at will and have crashed their process.
Ends when its parent ends (its stdin closes).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.options import Precision
from export.pruning.job import end_with_parent
from export.quantize.convert import to_int8_saved_model, to_tflite
from export.runtime import Array

JOB_FILE = "job.json"
ROWS_FILE = "calibration.npz"
ERROR_FILE = "error.txt"
FLATBUFFER_FILE = "converted.tflite"
SAVED_MODEL_FOLDER = "converted"


@dataclass(frozen=True, slots=True)
class Job:
    """What to convert: a float32 SavedModel, to which precision, calibrated by which rows (None: by none)."""

    saved_model: Path
    precision: Precision
    calibration: dict[str, Array] | None

    def write(self, folder: Path) -> None:
        facts = {"saved_model": str(self.saved_model.resolve()), "precision": self.precision.value}
        (folder / JOB_FILE).write_text(json.dumps(facts), encoding="utf-8")
        if self.calibration is not None:
            np.savez(folder / ROWS_FILE, **{f"x.{alias}": rows for alias, rows in self.calibration.items()})  # type: ignore[arg-type]

    @staticmethod
    def read(folder: Path) -> Job:
        facts = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        calibration = None
        if (folder / ROWS_FILE).exists():
            with np.load(folder / ROWS_FILE) as rows:
                calibration = {name.removeprefix("x."): rows[name] for name in rows.files}
        return Job(Path(facts["saved_model"]), Precision(facts["precision"]), calibration)


def convert(job: Job, folder: Path) -> None:
    """Do the job in this process; the result lies in `folder`. Raises: what the quantizer raises."""
    if job.precision.is_tflite:
        (folder / FLATBUFFER_FILE).write_bytes(to_tflite(job.saved_model, job.precision, job.calibration))
    else:
        to_int8_saved_model(job.saved_model, folder / SAVED_MODEL_FOLDER, job.calibration)


def main(folder: Path) -> int:
    """Return 0 when done, 3 when the reason of a failure lies in `error.txt`."""
    end_with_parent()
    try:
        convert(Job.read(folder), folder)
    except Exception as error:  # noqa: BLE001 - C++ parts throw whatever they like; the parent makes a reason of it
        (folder / ERROR_FILE).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
