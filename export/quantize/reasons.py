"""Turn a converter's pages of text into one clear error: which operations, why, what to do."""

from __future__ import annotations

import re

from export.options import Precision

_OP = re.compile(r"'tf\.([A-Za-z0-9_]+)'")
_LISTED = re.compile(r"^\s*(?:TF Select ops|Flex ops|Custom ops): (.+)$", re.MULTILINE)
_LOOPS = ("TensorList", "TensorArray")
_TEXT_LENGTH = 300


def convert_reason(text: str, precision: Precision) -> str:
    """Say why a model can't be had in a precision, from what the converter wrote."""
    ops = failed_operations(text)
    wanted = f"--precision {precision.value}"
    if any(op.startswith(_LOOPS) for op in ops):
        return (
            f"{wanted}: a loop over time steps ({', '.join(ops)}) can't be converted with an open batch. Recurrent "
            "layers are unrolled when the model is a Keras model and its inputs fix the number of steps: export the "
            ".keras file, with Input((steps, features)), or use bfloat16 or float16"
        )
    if ops:
        return (
            f"{wanted}: TensorFlow Lite has no operation for {', '.join(ops)}. TensorFlow's own (Flex) are never mixed "
            "in: the LiteRT runtime that proves and measures a version can't run them. Replace the layer that makes "
            "them, or use a SavedModel precision (bfloat16, float16, int8)"
        )
    return f"{wanted}: the converter failed: {' '.join(text.split())[-_TEXT_LENGTH:]}. Use another precision"


def crash_reason(what: str, text: str, precision: Precision) -> str:
    """Say that the converter's process died; `what` is the signal's name or the status."""
    said = " ".join(text.split())[-_TEXT_LENGTH:]
    return (
        f"--precision {precision.value}: TensorFlow's converter crashed ({what}) in its own process on this model. "
        f"Use another precision. It said: {said or 'nothing'}"
    )


def failed_operations(text: str) -> list[str]:
    """Name the TensorFlow operations that a converter's text complains of, each once, sorted."""
    listed = [name.strip() for line in _LISTED.findall(text) for name in line.split(",")]
    return sorted({*_OP.findall(text), *(name for name in listed if name)})
