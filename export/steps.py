"""Write each step of a variant to its own folder and prove it there; the last one lies in the staging folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.data import Data
from export.options import Precision
from export.preprocess.prepared import Preprocess
from export.variants import Step, Variant
from export.verify import verify_saved_model
from export.writer import write_saved_model

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step on the disk. frozen: its weights are constants of the graph; None for TensorFlow Lite."""

    step: Step
    folder: Path
    frozen: bool | None


def write_steps(
    variant: Variant,
    work: Path,
    target: Path,
    preprocess: Mapping[str, Preprocess],
    data: Data | None,
    notes: list[str],
    say: Say,
) -> list[WrittenStep]:
    """Write all steps, the last to `target`, the others to folders in `work`; all have the preprocessing signatures.

    Raises: UnservableModelError, UnsupportedVariantError, BadDataError; OSError or TensorFlow's for a full disk.
    """
    rows = data.test.inputs if data is not None else None
    written: list[WrittenStep] = []
    for number, step in enumerate(variant.steps):
        folder = target if number == len(variant.steps) - 1 else work / f"step-{number}"
        say(f"Writing {step.name}")
        if step.precision in {Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16}:
            frozen: bool | None = write_saved_model(step.model.servable, folder, preprocess, step.is_xla, notes)
        else:
            frozen = _quantized(step, folder, work, preprocess, data, notes)
        verify_saved_model(folder, step.model.servable, step.precision, rows)
        written.append(WrittenStep(step, folder, frozen))
    return written


def _quantized(
    step: Step,
    folder: Path,
    work: Path,
    preprocess: Mapping[str, Preprocess],
    data: Data | None,
    notes: list[str],
) -> bool | None:
    """Write the step in float32 and quantize that; preprocessing, or XLA, is put around what came of it."""
    from export.quantize.calibration import calibration_rows
    from export.quantize.write import write_quantized

    signature = step.model.servable.signature
    calibration = calibration_rows(data, signature) if step.precision.is_calibrated and data is not None else None
    float32_dir = work / f"{folder.name}-float32"
    write_saved_model(step.model.servable, float32_dir)
    is_wrapped = bool(preprocess) or step.is_xla
    bare = work / f"{folder.name}-bare" if is_wrapped else folder
    write_quantized(step.precision, step.model.servable, float32_dir, bare, calibration, step.model.keras_model)
    if not is_wrapped:
        return None
    import tensorflow as tf

    from export.servable import servable_from_saved_model

    quantized = servable_from_saved_model(tf.saved_model.load(bare), bare)
    return write_saved_model(quantized, folder, preprocess, step.is_xla, notes)
