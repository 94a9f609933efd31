"""Promises of backend.tflite.interpreter: rows change from call to call, failures are errors and leave no trace."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import Code, ServingError
from backend.tflite.interpreter import LiteInterpreter, read_tensors, resizes_only_together
from tests.unit.backend.tflite.litefiles import FLOAT16, Tensor, adding

ONE = np.zeros((1, 2), np.float32)


@pytest.mark.parametrize("rows", [1, 4, 0, 2])
def test_any_number_of_rows_is_taken_whatever_the_model_was_written_for(rows: int) -> None:
    interpreter = LiteInterpreter(adding([Tensor("x", (1, 2))]))
    (got,) = interpreter.run([np.ones((rows, 2), np.float32)], [1])
    assert got.tolist() == [[2, 2]] * rows
    assert interpreter.shapes == ((rows, 2),)


def test_what_is_answered_is_not_changed_by_the_next_call() -> None:
    interpreter = LiteInterpreter(adding())
    (first,) = interpreter.run([ONE], [1])
    interpreter.run([ONE + 7], [1])
    assert first.tolist() == [[1, 1]]


def test_a_shape_that_the_model_cannot_take_fails_the_call_and_not_the_next_one() -> None:
    interpreter = LiteInterpreter(adding([Tensor("a"), Tensor("b")]))
    with pytest.raises(ServingError, match="Failed to allocate tensors: ") as error:
        interpreter.run([np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32)], [2])
    assert error.value.code is Code.INTERNAL
    assert interpreter.shapes is None
    assert interpreter.run([ONE, ONE + 1], [2])[0].tolist() == [[1, 1]]


def test_a_dimension_beyond_32_bits_is_an_error() -> None:
    with pytest.raises(ServingError, match="beyond TensorFlow Lite's bound") as error:
        LiteInterpreter(adding([Tensor("x", (-1, -1))])).run([np.zeros((0, 2**31), np.float32)], [1])
    assert error.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", Code.INVALID_ARGUMENT, "Cannot build FlatBufferModel from buffer."),
        (b"these bytes are no model", Code.INVALID_ARGUMENT, "Cannot build FlatBufferModel from buffer."),
        (adding()[:300], Code.INVALID_ARGUMENT, "Cannot build FlatBufferModel from buffer."),
        (adding(kind="CUSTOM"), Code.INTERNAL, "Encountered unresolved custom op: ParseExampleV2."),
    ],
    ids=["empty", "text", "cut off", "custom operation"],
)
def test_a_file_that_cannot_be_run_is_an_error(content: bytes, code: Code, words: str) -> None:
    with pytest.raises(ServingError, match=words) as error:
        LiteInterpreter(content)
    assert error.value.code is code


def test_tensors_come_with_what_they_take() -> None:
    (x, y), (z,) = read_tensors(adding([Tensor("x", (-1, 2)), Tensor("y", None)], Tensor("z", (1, 2))))
    assert (x.name, x.index, x.dtype, x.shape, x.accepts) == ("x", 0, 1, (1, 2), (-1, 2))
    assert (y.shape, y.accepts, z.name, z.index) == ((), None, "z", 2)


def test_a_type_that_tensorflow_serving_does_not_know_is_an_error() -> None:
    with pytest.raises(ServingError, match="Unknown TfLite type: float16") as error:
        read_tensors(adding([Tensor("x", (-1, 2), FLOAT16)]))
    assert error.value.code is Code.INTERNAL


def test_inputs_that_tensorflow_serving_cannot_resize_one_by_one_are_told() -> None:
    meeting = adding([Tensor("a"), Tensor("b")])
    assert resizes_only_together(meeting, read_tensors(meeting)[0])
    alone = adding()
    assert not resizes_only_together(alone, read_tensors(alone)[0])
