"""Write a quantized version that TensorFlow Serving loads: `model.tflite`, or a SavedModel with int8 weights."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from export.options import Precision
from export.quantize.child import convert_in_child
from export.quantize.prove import prove_tflite
from export.quantize.signing import refuse_edges, signed
from export.quantize.tied import tied
from export.quantize.unrolled import loops, unrolled
from export.quantize.worker import FLATBUFFER_FILE, SAVED_MODEL_FOLDER, Job
from export.runtime import Array
from export.servable import Servable
from export.signature import TFLITE_FILE
from export.writer import write_saved_model


def write_quantized(
    precision: Precision,
    servable: Servable,
    float32_dir: Path,
    target: Path,
    calibration: Mapping[str, Array] | None,
    keras_model: Any = None,
    convert: Callable[[Job, Path], None] = convert_in_child,
) -> None:
    """Quantize the float32 SavedModel in `float32_dir`, written from `servable`, into the version folder `target`.

    calibration: inputs by alias, each (rows, *features), for the calibrated precisions (see calibration_rows).
    keras_model: behind the servable, where there is one: its recurrent layers are then unrolled.
    convert: does the job given to it, its results in the folder given, as `worker.convert` does.
    Raises: UnsupportedVariantError when this model can't be had in this precision; OSError when the disk refuses.
    """
    if precision.is_tflite:
        refuse_edges(servable.signature)
    rows = dict(calibration) if calibration is not None and precision.is_calibrated else None
    with tempfile.TemporaryDirectory(prefix="quantize-", dir=float32_dir.parent) as name:
        folder = Path(name)
        source = _source(precision, servable, float32_dir, folder / "float32", keras_model)
        convert(Job(source, precision, rows), folder)
        if precision.is_tflite:
            target.mkdir(parents=True, exist_ok=True)
            model = signed((folder / FLATBUFFER_FILE).read_bytes(), servable.signature)
            (target / TFLITE_FILE).write_bytes(model)
            prove_tflite(target, servable.signature)
        else:
            shutil.copytree(folder / SAVED_MODEL_FOLDER, target, dirs_exist_ok=True)


def _source(precision: Precision, servable: Servable, float32_dir: Path, rewritten: Path, keras_model: Any) -> Path:
    """The SavedModel to convert: the float32 one, or another where inputs must be tied or loops unrolled."""
    shaped = tied(servable) if precision.is_tflite else servable
    if shaped is servable and not loops(keras_model):
        return float32_dir
    with unrolled(keras_model):
        write_saved_model(shaped, rewritten)
    return rewritten
