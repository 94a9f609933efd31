"""A converter's pages become one error: the operations by name, the reason, the remedy."""

from __future__ import annotations

from export.options import Precision
from export.quantize.reasons import convert_reason, crash_reason, failed_operations

MLIR = (
    "ConverterError: Could not translate MLIR to FlatBuffer.<unknown>:0: error: loc(fused[...]): 'tf.Erfinv' op is "
    "neither a custom op nor a flex op\n<unknown>:0: error: 'tf.BitwiseAnd' op is neither ...\n'tf.Erfinv' op again"
)
LISTED = "Some ops are not supported by the native TFLite runtime:\n\tTF Select ops: Erfinv, Roll\nDetails: ...\n"
LOOP = "error: 'tf.TensorListReserve' op requires element_shape to be static during TF Lite transformation pass"


def test_operations_are_named_once_wherever_they_are_told() -> None:
    assert failed_operations(MLIR) == ["BitwiseAnd", "Erfinv"]
    assert failed_operations(LISTED) == ["Erfinv", "Roll"]


def test_a_missing_operation_is_named_with_what_to_do() -> None:
    text = convert_reason(MLIR, Precision.TFLITE_INT8)
    assert "--precision tflite-int8: TensorFlow Lite has no operation for BitwiseAnd, Erfinv" in text
    assert "Replace the layer" in text


def test_a_loop_has_a_remedy_of_its_own() -> None:
    text = convert_reason(LOOP, Precision.TFLITE_DYNAMIC)
    assert "a loop over time steps (TensorListReserve)" in text and "Input((steps, features))" in text


def test_anything_else_keeps_the_converters_last_words() -> None:
    assert "failed: ValueError: no such thing. Use another" in convert_reason(
        "ValueError: no such thing", Precision.INT8
    )


def test_a_crash_says_what_and_what_was_said() -> None:
    assert "crashed (SIGSEGV)" in crash_reason("SIGSEGV", "", Precision.INT8)
    assert "It said: nothing" in crash_reason("SIGSEGV", " \n", Precision.INT8)
