"""Prove that a written `model.tflite` can be loaded and re-batched the way TensorFlow Serving does it."""

from __future__ import annotations

from pathlib import Path

from export.errors import UnsupportedVariantError
from export.quantize.runtime import ServedTFLite
from export.runtime import shape_problem
from export.sample import sample_rows
from export.signature import Signature, differences

BATCHES = (1, 3, 32, 2, 1)  # growing and shrinking: each change lays all tensors out again, one input at a time


def prove_tflite(version_dir: Path, signature: Signature) -> None:
    """Load it and call it with changing batches, with XNNPACK and without: which of them a server has isn't known.

    Raises: UnsupportedVariantError saying what fails, or differs from the signature.
    """
    for is_delegated in (True, False):
        try:
            with ServedTFLite(version_dir, is_delegated) as served:
                if found := differences(signature, served.signature):
                    raise UnsupportedVariantError(f"the written signature differs: {'; '.join(found)}")
                for rows in BATCHES:
                    _check_call(served, signature, rows)
        except RuntimeError as error:  # what the interpreter raises for everything
            said = " ".join(str(error).split())[:300]
            raise UnsupportedVariantError(
                "TensorFlow Serving couldn't serve the model as TensorFlow Lite with changing batches: "
                f"{said}. Fix dimensions other than the batch, or export a SavedModel precision"
            ) from error


def _check_call(served: ServedTFLite, signature: Signature, rows: int) -> None:
    outputs = served.predict(sample_rows(signature, rows, None))
    for alias, info in signature.outputs.items():
        values = outputs[alias]
        problem = shape_problem(values.shape, (rows, *info.shape[1:]))
        if values.dtype != info.dtype:
            problem = f"dtype {values.dtype} isn't {info.dtype}"
        if problem is not None:
            raise UnsupportedVariantError(
                f"output {alias!r} of {rows} rows: {problem}; TensorFlow Lite computes it otherwise. Export a "
                "SavedModel precision"
            )
