"""TensorFlow Lite versions for the tests; `python -m tests.integration.backend.litemodels FOLDER` writes two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.core.protobuf import meta_graph_pb2

from tests.unit.backend.tflite.litefiles import sign

PREDICT = "tensorflow/serving/predict"
FLOATS = tf.TensorSpec([None, 2], tf.float32, name="x")
STRINGS = tf.TensorSpec([None], tf.string, name="inputs")
# Outputs of one signature, its method name behind them.
Wanted = Mapping[str, tuple[tuple[str, ...], str]]


def convert(serve: Callable[..., dict[str, Any]], *specs: Any) -> bytes:
    """The function as a TensorFlow Lite file, without aliases for TensorFlow Serving."""
    module = tf.Module()
    module.serve = tf.function(serve, input_signature=list(specs))
    function = module.serve.get_concrete_function()
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()
    return content


def signed(content: bytes, wanted: Wanted | None = None) -> bytes:
    """The file with the converter's aliases where TensorFlow Serving reads them, as these signatures or as one."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    tensors, (table,) = model.subgraphs[0].tensors, model.signatureDefs
    outputs = [entry.name.decode() for entry in table.outputs]
    definitions = {}
    for name, (aliases, method) in (wanted or {"serving_default": (tuple(outputs), PREDICT)}).items():
        definition = meta_graph_pb2.SignatureDef(method_name=method)
        for entries, into in ((table.inputs, definition.inputs), (table.outputs, definition.outputs)):
            for entry in entries:
                if into is definition.inputs or entry.name.decode() in aliases:
                    _describe(into[entry.name.decode()], tensors[entry.tensorIndex])
        definitions[name] = definition.SerializeToString()
    return sign(content, definitions)


def write(version: Path, content: bytes) -> Path:
    """A version directory with this file; returns the directory."""
    version.mkdir(parents=True, exist_ok=True)
    (version / "model.tflite").write_bytes(content)
    return version


def half(offset: float) -> bytes:
    """y = x / 2 + offset over rows of two, and the rows' sums; exact in float32 for small whole numbers."""
    return signed(convert(lambda x: {"y": x / 2.0 + offset, "sum": tf.reduce_sum(x, axis=1)}, FLOATS))


def counting() -> bytes:
    """Each row is answered with the number of rows that ran together."""

    def serve(x: Any) -> dict[str, Any]:
        rows = tf.shape(x)[0]
        return {"rows": tf.fill([rows], rows), "sum": tf.reduce_sum(x, axis=1)}

    return signed(convert(serve, FLOATS))


def conv(rows: int | None) -> bytes:
    """A small convolution over 8x8 images; written for so many rows (None: any), which a reshape holds fast."""

    def serve(pixels: Any) -> dict[str, Any]:
        features = tf.nn.relu(tf.nn.conv2d(pixels, tf.ones([3, 3, 1, 4]), 1, "SAME"))
        return {"scores": tf.reshape(features, [rows or -1, 256]) @ tf.ones([256, 10])}

    return signed(convert(serve, tf.TensorSpec([rows, 8, 8, 1], tf.float32, name="pixels")))


def echo() -> bytes:
    """Strings in, the same out as a column."""
    return signed(convert(lambda inputs: {"column": tf.reshape(inputs, [-1, 1])}, STRINGS))


def judge() -> bytes:
    """Takes Examples unread: 0.25 and 0.75 are every one's scores, 0.5 everyone's value."""

    def serve(inputs: Any) -> dict[str, Any]:
        rows = tf.shape(inputs)[0]
        return {"scores": tf.tile([[0.25, 0.75]], [rows, 1]), "outputs": tf.fill([rows, 1], 0.5)}

    wanted = {
        "serving_default": (("scores",), "tensorflow/serving/classify"),
        "regress": (("outputs",), "tensorflow/serving/regress"),
    }
    return signed(convert(serve, STRINGS), wanted)


def large() -> bytes:
    """16 MiB of weights: rows of 2048 in and out."""
    weights = tf.random.stateless_normal([2048, 2048], seed=(1, 2))
    return signed(convert(lambda x: {"y": x @ weights}, tf.TensorSpec([None, 2048], tf.float32, name="x")))


def _describe(info: Any, tensor: Any) -> None:
    types = {schema.TensorType.FLOAT32: 1, schema.TensorType.INT32: 3, schema.TensorType.STRING: 7}
    info.name, info.dtype = tensor.name.decode(), types[tensor.type]
    for size in tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape:
        info.tensor_shape.dim.add(size=int(size))


if __name__ == "__main__":
    write(Path(sys.argv[1]) / "half/1", half(1.0))
    write(Path(sys.argv[1]) / "conv/1", conv(None))
