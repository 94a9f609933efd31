"""One TensorFlow Lite interpreter: the one place that knows LiteRT's calls. Not for two threads at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from backend import dtypes
from backend.errors import Code, ServingError, invalid_argument
from backend.tensors import Array
from backend.tflite.flatbuffer import unranked_inputs
from backend.tflite.signatures import LiteTensor

# Many callers, each on an interpreter of its own, as in TensorFlow Serving.
THREADS = 1
INT32_MAX = 2**31 - 1
Shapes = tuple[tuple[int, ...], ...]
# TensorFlow Serving knows these of TensorFlow Lite's types.
_TYPES = {"float", "int32", "uint8", "int64", "bool", "int16", "complex64", "int8"}
_FAILURES = (RuntimeError, ValueError, OverflowError, MemoryError)


class LiteInterpreter:
    """Built over the file's bytes, which all interpreters of a version share; each has weights and tensors of its own.

    `shapes` are those its inputs have now; None: a call failed, and they are set anew by the next one.
    """

    def __init__(self, content: bytes) -> None:
        """Raises ServingError: INVALID_ARGUMENT for bytes that are no model, INTERNAL for one that can't be run."""
        self._interpreter = _build(content)
        try:
            self._interpreter.allocate_tensors()
        except _FAILURES as error:
            raise _internal("Failed to allocate tensors", error) from error
        self._inputs = [int(detail["index"]) for detail in self._interpreter.get_input_details()]
        self.shapes: Shapes | None = tuple(_sizes(d["shape"]) for d in self._interpreter.get_input_details())

    def run(self, arrays: Sequence[Array], outputs: Sequence[int]) -> list[Array]:
        """Copies of the output tensors with these indices; `arrays` are all the model's inputs, in its order.

        Dtypes must be the model's. Raises INTERNAL in TensorFlow Serving's words and LiteRT's.
        """
        wanted = tuple(array.shape for array in arrays)
        if self.shapes != wanted:
            self._resize(wanted)
        self.shapes = None
        try:
            for index, array in zip(self._inputs, arrays, strict=True):
                self._interpreter.set_tensor(index, array)
            self._interpreter.invoke()
            got = [self._interpreter.get_tensor(index) for index in outputs]
        except _FAILURES as error:
            raise _internal("Failed to invoke TfLite interpreter", error) from error
        self.shapes = wanted
        return got

    def _resize(self, wanted: Shapes) -> None:
        """All inputs first and the layout after: TensorFlow Serving lays out after each, when rows may not agree."""
        if any(size > INT32_MAX for shape in wanted for size in shape):
            raise invalid_argument(f"a dimension is beyond TensorFlow Lite's bound of {INT32_MAX}")
        self.shapes = None
        try:
            for index, shape in zip(self._inputs, wanted, strict=True):
                self._interpreter.resize_tensor_input(index, shape)
            self._interpreter.allocate_tensors()
        except _FAILURES as error:
            raise _internal("Failed to allocate tensors", error) from error


def read_tensors(content: bytes) -> tuple[list[LiteTensor], list[LiteTensor]]:
    """The model's inputs and outputs, in its order. Raises ServingError."""
    interpreter = _build(content)
    unranked = unranked_inputs(content)
    return (
        [_tensor(detail, unranked) for detail in interpreter.get_input_details()],
        [_tensor(detail, frozenset()) for detail in interpreter.get_output_details()],
    )


def resizes_only_together(content: bytes, inputs: Sequence[LiteTensor]) -> bool:
    """Whether the inputs' rows can be changed together, but not one input after the other."""
    if len(inputs) < 2 or not all(tensor.shape for tensor in inputs):
        return False
    interpreter = _build(content)
    try:
        for tensor in inputs:
            interpreter.resize_tensor_input(tensor.index, (2, *tensor.shape[1:]))
        interpreter.allocate_tensors()
    except _FAILURES:
        # It takes the rows that it was written for, and no others.
        return False
    try:
        for tensor in sorted(inputs, key=lambda tensor: tensor.index):
            interpreter.resize_tensor_input(tensor.index, (3, *tensor.shape[1:]))
            interpreter.allocate_tensors()
    except _FAILURES:
        return True
    return False


def _build(content: bytes) -> Any:
    if not content:
        raise invalid_argument("Cannot build FlatBufferModel from buffer. The file is empty.")
    try:
        return Interpreter(model_content=content, num_threads=THREADS)
    except _FAILURES as error:
        text = str(error).strip()
        if "flatbuffer" in text.lower() or "model identifier" in text:
            raise invalid_argument(f"Cannot build FlatBufferModel from buffer. {text}") from error
        raise _internal("Cannot build Interpreter from buffer.", error) from error


def _tensor(detail: Any, unranked: frozenset[int]) -> LiteTensor:
    index = int(detail["index"])
    shape, signature = _sizes(detail["shape"]), _sizes(detail["shape_signature"])
    accepts = None if index in unranked else (-1, *signature[1:]) if signature else ()
    return LiteTensor(str(detail["name"]), index, _dtype(detail["dtype"], detail["name"]), shape, accepts)


def _dtype(kind: type[np.generic], name: str) -> int:
    if kind is np.bytes_:
        return dtypes.STRING.number
    element = dtypes.BY_NUMPY.get(np.dtype(kind))
    if element is None or element.name not in _TYPES:
        raise ServingError(Code.INTERNAL, f"Unknown TfLite type: {np.dtype(kind).name} (tensor '{name}')")
    return element.number


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)


def _internal(words: str, error: BaseException) -> ServingError:
    return ServingError(Code.INTERNAL, f"{words}: {' '.join(str(error).split()) or type(error).__name__}")
