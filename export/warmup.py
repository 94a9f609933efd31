"""Warm-up records: one Predict a batch size, so that the first real call is as fast as any; replayed before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import UnservableModelError
from export.runtime import Array, ServedModel
from export.sample import sample_rows
from export.signature import SERVING_DEFAULT, Signature

WARMUP_PATH = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_CONTENT_BYTES = 1 << 20  # a larger input is written as one repeated value: TensorFlow expands it by itself


def write_warmup(
    version_dir: Path, name: str, signature: Signature, batch_sizes: Sequence[int], data: Mapping[str, Array] | None
) -> int:
    """Write `assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLog; return how many records.

    Raises: OSError or a TensorFlow error when the disk refuses.
    """
    import tensorflow as tf

    path = version_dir / WARMUP_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for rows in batch_sizes:
            writer.write(_record(name, sample_rows(signature, rows, data)).SerializeToString())
    return len(batch_sizes)


def _record(name: str, inputs: Mapping[str, Array]) -> Any:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = SERVING_DEFAULT
    for alias, rows in inputs.items():
        if rows.dtype != object and rows.nbytes > MAX_CONTENT_BYTES:
            splat = tf.make_tensor_proto(rows.flat[0], shape=[1])
            splat.tensor_shape.CopyFrom(tf.TensorShape(rows.shape).as_proto())
            request.inputs[alias].CopyFrom(splat)
        else:
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(rows))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def replay_warmup(version_dir: Path) -> list[int]:
    """Send every record through the written SavedModel, as a server does on loading; return the rows of each.

    Raises: UnservableModelError when one fails: a server would refuse to load the version.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    replayed = []
    with ServedModel(version_dir) as served:
        for raw in tf.data.TFRecordDataset(str(version_dir / WARMUP_PATH)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(raw).predict_log.request
            inputs = {alias: np.asarray(tf.make_ndarray(proto)) for alias, proto in request.inputs.items()}
            rows = len(next(iter(inputs.values())))
            try:
                outputs = served.predict(inputs)
            except (tf.errors.OpError, ValueError) as error:
                raise UnservableModelError(f"warm-up record of {rows} rows fails: {str(error)[:300]}") from error
            short = [alias for alias, values in outputs.items() if len(values) != rows]
            if short:
                raise UnservableModelError(f"warm-up record of {rows} rows: outputs {short} have other row counts")
            replayed.append(rows)
    return replayed
