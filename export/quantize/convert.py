"""Convert a written float32 SavedModel to TensorFlow Lite: int8, dynamic range or float16, float32 at the edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from export.options import Precision
from export.runtime import Array
from export.signature import SERVING_DEFAULT


def to_tflite(saved_model: Path, precision: Precision, calibration: Mapping[str, Array] | None) -> bytes:
    """Return the flatbuffer, its operations TensorFlow Lite's own, never TensorFlow's (Flex).

    calibration: inputs by alias, each (rows, *features); fed row by row to find the ranges of int8.
    Raises: what the converter raises; `reasons.convert_reason` reads its text.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[SERVING_DEFAULT])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision is Precision.TFLITE_FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if precision is Precision.TFLITE_INT8:
        rows = _required(calibration)
        converter.representative_dataset = lambda: single_rows(rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def to_int8_saved_model(saved_model: Path, target: Path, calibration: Mapping[str, Array] | None) -> None:
    """Write `target`: a SavedModel whose weights are int8 constants, computed with by TensorFlow's own operations.

    Such a graph simulates int8 arithmetic, so it is small, not fast. Signature and open batch stay.
    Raises: what the quantizer raises; it has crashed its process (on the loops of recurrent layers).
    """
    import tensorflow as tf

    experimental = tf.quantization.experimental
    rows = list(single_rows(_required(calibration)))
    experimental.quantize_saved_model(
        str(saved_model),
        str(target),
        experimental.QuantizationOptions(
            quantization_method=experimental.QuantizationMethod(preset_method="METHOD_STATIC_RANGE_INT8"),
            op_set="TF",
            signature_keys=[SERVING_DEFAULT],
            tags=["serve"],
        ),
        representative_dataset={SERVING_DEFAULT: rows},
    )


def _required(calibration: Mapping[str, Array] | None) -> Mapping[str, Array]:
    if calibration is None:
        raise ValueError("int8 needs calibration rows")
    return calibration


def single_rows(calibration: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Yield the rows one by one, each (1, *features)."""
    for row in range(len(next(iter(calibration.values())))):
        yield {alias: values[row : row + 1] for alias, values in calibration.items()}
