"""Small SavedModels for the tests, each made once in a test session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

FLOAT_ROWS = tf.TensorSpec([None, 3], tf.float32, name="x")


F = TypeVar("F", bound=Callable[..., Any])


def graph(*inputs: Any) -> Callable[[F], F]:
    """`tf.function` over these inputs, typed: TensorFlow has no annotations."""
    decorate: Callable[[F], F] = tf.function(input_signature=list(inputs))
    return decorate


class Half(tf.Module):  # type: ignore[misc] # TensorFlow has no annotations
    """y = x / 2 + offset over rows of three: the offset tells versions apart. Two more signatures for other types."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = tf.Variable(offset)

    @graph(FLOAT_ROWS)
    def serve(self, x: Any) -> dict[str, Any]:
        """The default signature."""
        return {"y": x / 2.0 + self.offset, "sum": tf.reduce_sum(x, axis=1)}

    @graph(tf.TensorSpec([None], tf.string, name="text"))
    def shout(self, text: Any) -> dict[str, Any]:
        """Strings in, strings and lengths out."""
        return {"loud": tf.strings.upper(text), "length": tf.strings.length(text)}

    @graph(tf.TensorSpec([None], tf.int64, name="a"), tf.TensorSpec([None], tf.int64, name="b"))
    def add(self, a: Any, b: Any) -> dict[str, Any]:
        """Two inputs."""
        return {"total": a + b}


class Conv(tf.Module):  # type: ignore[misc] # TensorFlow has no annotations
    """A small convolution over 8x8 images: a wrong rank would abort the process."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.ones([3, 3, 1, 10]))

    @graph(tf.TensorSpec([None, 8, 8, 1], tf.uint8, name="pixels"))
    def serve(self, pixels: Any) -> dict[str, Any]:
        """Scores."""
        features = tf.nn.conv2d(tf.cast(pixels, tf.float32), self.kernel, 1, "SAME")
        return {"scores": tf.nn.softmax(tf.reduce_mean(features, [1, 2]))}


class Counting(tf.Module):  # type: ignore[misc] # TensorFlow has no annotations
    """Each row is answered with the number of rows that ran together: it shows what the batching did."""

    @graph(tf.TensorSpec([None, None], tf.float32, name="x"))
    def serve(self, x: Any) -> dict[str, Any]:
        """Rows of the batch, and the row's own sum; a negative value anywhere fails the batch."""
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, message="negative row")]):
            rows = tf.fill([tf.shape(x)[0]], tf.shape(x)[0])
        return {"rows": rows, "sum": tf.reduce_sum(x, axis=1)}

    @graph(FLOAT_ROWS)
    def mean(self, x: Any) -> dict[str, Any]:
        """An output without rows: it can't be batched."""
        return {"mean": tf.reduce_mean(x)}


class Judge(tf.Module):  # type: ignore[misc] # TensorFlow has no annotations
    """Classify and Regress over tensorflow.Example with one float feature `v`."""

    @graph(tf.TensorSpec([None], tf.string, name="inputs"))
    def classify(self, inputs: Any) -> dict[str, Any]:
        """Scores v and 1 - v for the classes yes and no."""
        value = tf.io.parse_example(inputs, {"v": tf.io.FixedLenFeature([1], tf.float32)})["v"]
        classes = tf.tile(tf.constant([["yes", "no"]]), [tf.shape(inputs)[0], 1])
        return {"scores": tf.concat([value, 1.0 - value], axis=1), "classes": classes}

    @graph(tf.TensorSpec([None], tf.string, name="inputs"))
    def regress(self, inputs: Any) -> dict[str, Any]:
        """v doubled."""
        return {"outputs": 2.0 * tf.io.parse_example(inputs, {"v": tf.io.FixedLenFeature([1], tf.float32)})["v"]}


def save_half(path: Path, offset: float) -> None:
    """One version of Half."""
    module = Half(offset)
    tf.saved_model.save(
        module, str(path), signatures={"serving_default": module.serve, "shout": module.shout, "add": module.add}
    )


def save_all(root: Path) -> None:
    """half1, half2 (offsets 1 and 2), conv, counting, judge."""
    save_half(root / "half1", 1.0)
    save_half(root / "half2", 2.0)
    conv, counting, judge = Conv(), Counting(), Judge()
    tf.saved_model.save(conv, str(root / "conv"), signatures={"serving_default": conv.serve})
    tf.saved_model.save(
        counting, str(root / "counting"), signatures={"serving_default": counting.serve, "mean": counting.mean}
    )
    tf.saved_model.save(
        judge, str(root / "judge"), signatures={"serving_default": judge.classify, "regress": judge.regress}
    )


def write_warmup(version: Path, value: float, rows: int = 1, columns: int = 3) -> None:
    """A warm-up file with one Predict record of `rows` rows."""
    request = predict_pb2.PredictRequest()
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[value] * columns] * rows, tf.float32))
    record = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    folder = version / "assets.extra"
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as writer:
        writer.write(record.SerializeToString())
