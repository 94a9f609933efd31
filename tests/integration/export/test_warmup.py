"""Warm-up records: one a batch size, by TensorFlow Serving's definitions, each proved on the written model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnservableModelError
from export.options import ExportOptions
from export.run import run_export
from export.servable import servable_from_keras
from export.warmup import MAX_CONTENT_BYTES, WARMUP_PATH, replay_warmup, write_warmup
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow


def records(version_dir: Path) -> list[Any]:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    raw = tf.data.TFRecordDataset(str(version_dir / WARMUP_PATH)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(one) for one in raw]


def test_an_export_carries_one_record_for_each_allowed_batch_size(tmp_path: Path) -> None:
    import tensorflow as tf

    models.two_inputs().save(tmp_path / "m.keras")
    exported = run_export(
        ExportOptions(
            tmp_path / "m.keras", "customers", tmp_path / "out", max_batch_size=9, allowed_batch_sizes=(1, 4, 9)
        ),
        print,
    )
    assert exported.version_dir is not None
    logs = records(exported.version_dir)
    assert all(log.WhichOneof("log_type") == "predict_log" for log in logs)
    requests = [log.predict_log.request for log in logs]
    assert {request.model_spec.name for request in requests} == {"customers"}
    assert {request.model_spec.signature_name for request in requests} == {"serving_default"}
    rows = [{alias: tf.make_ndarray(proto).shape for alias, proto in request.inputs.items()} for request in requests]
    assert rows == [{"age": (size, 1), "income": (size, 4)} for size in (1, 4, 9)]


def test_data_rows_are_used_where_there_are_some(tmp_path: Path) -> None:
    import tensorflow as tf

    servable = servable_from_keras(models.sequential())
    write_saved_model(servable, tmp_path)
    features = np.arange(24, dtype="float32").reshape(2, 12)
    write_warmup(tmp_path, "m", (1, 2), {"features": features})
    stored = tf.make_ndarray(records(tmp_path)[1].predict_log.request.inputs["features"])
    np.testing.assert_array_equal(stored, features)
    assert replay_warmup(tmp_path) == [1, 2]


def test_a_large_record_stays_small_on_disk(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((300, 300, 3), name="image"), keras.layers.GlobalAveragePooling2D()])
    servable = servable_from_keras(model)
    write_saved_model(servable, tmp_path)
    write_warmup(tmp_path, "m", (4,), None)
    full_bytes = 4 * 300 * 300 * 3 * 4
    assert full_bytes > MAX_CONTENT_BYTES
    assert (tmp_path / WARMUP_PATH).stat().st_size < 1000
    assert replay_warmup(tmp_path) == [4]


def test_a_record_that_the_model_cannot_answer_stops_the_export(tmp_path: Path) -> None:
    servable = servable_from_keras(models.sequential())
    write_saved_model(servable, tmp_path)
    write_warmup(tmp_path, "m", (2,), {"features": np.zeros((2, 7), "float32")})
    with pytest.raises(UnservableModelError, match="warm-up record of 2 rows fails"):
        replay_warmup(tmp_path)
