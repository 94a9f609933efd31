"""Warm-up records: one Predict a batch size and signature, so that the first real call is as fast as any; replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from export.errors import UnservableModelError
from export.preprocess.prepared import Preprocess, raw_rows
from export.runtime import Array, ServedModel
from export.sample import sample_rows
from export.serving import open_served
from export.signature import SERVING_DEFAULT, read_signature

WARMUP_PATH = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_CONTENT_BYTES = 1 << 20  # a larger input is written as one repeated value: TensorFlow expands it by itself
_NO_PREPROCESS: Mapping[str, Preprocess] = MappingProxyType({})


def write_warmup(
    version_dir: Path,
    name: str,
    batch_sizes: Sequence[int],
    data: Mapping[str, Array] | None,
    preprocess: Mapping[str, Preprocess] = _NO_PREPROCESS,
) -> int:
    """Write `assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLog; return how many records.

    name: the servable's. data: rows by input alias of `serving_default`. preprocess: the other signatures of the
    version, whose records hold made-up images and words.
    Raises: OSError or a TensorFlow error when the disk refuses.
    """
    import tensorflow as tf

    path = version_dir / WARMUP_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    signature = read_signature(version_dir)
    records = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for rows in batch_sizes:
            plain = sample_rows(signature, rows, data)
            calls = {SERVING_DEFAULT: plain}
            calls |= {other: raw_rows(extra, rows, plain) for other, extra in preprocess.items()}
            for called, inputs in calls.items():
                writer.write(_record(name, called, inputs).SerializeToString())
                records += 1
    return records


def _record(name: str, signature_name: str, inputs: Mapping[str, Array]) -> Any:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature_name
    for alias, rows in inputs.items():
        if rows.dtype != object and rows.nbytes > MAX_CONTENT_BYTES:
            splat = tf.make_tensor_proto(rows.flat[0], shape=[1])
            splat.tensor_shape.CopyFrom(tf.TensorShape(rows.shape).as_proto())
            request.inputs[alias].CopyFrom(splat)
        else:
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(rows))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def replay_warmup(version_dir: Path) -> list[int]:
    """Send every record through the written version, as a server does on loading; return the batch sizes, each once.

    Raises: UnservableModelError when one fails: a server would refuse to load the version.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    replayed: set[int] = set()
    with open_served(version_dir) as served:
        for raw in tf.data.TFRecordDataset(str(version_dir / WARMUP_PATH)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(raw).predict_log.request
            replayed.add(_replay(served, request))
    return sorted(replayed)


def _replay(served: Any, request: Any) -> int:
    """Send one record; return its rows. Raises: UnservableModelError."""
    import tensorflow as tf

    inputs = {alias: np.asarray(tf.make_ndarray(proto)) for alias, proto in request.inputs.items()}
    rows = len(next(iter(inputs.values())))
    called = request.model_spec.signature_name
    what = f"warm-up record of {rows} rows" + ("" if called == SERVING_DEFAULT else f" for signature {called}")
    try:
        outputs = served.predict(inputs, called) if isinstance(served, ServedModel) else served.predict(inputs)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:  # TensorFlow's; TensorFlow Lite's
        raise UnservableModelError(f"{what} fails: {str(error)[:300]}") from error
    short = [alias for alias, values in outputs.items() if len(values) != rows]
    if short:
        raise UnservableModelError(f"{what}: outputs {short} have other row counts")
    return rows
