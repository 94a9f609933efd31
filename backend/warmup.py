"""Warm-up: the recorded requests of a version directory are replayed before the version serves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.python.framework import errors as tf_errors
from tensorflow_serving.apis import prediction_log_pb2

from backend.errors import Code, ServingError, invalid_argument

log = logging.getLogger("backend")
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000
# Calls with the kind of log and the log message of one record; raises ServingError.
Replay = Callable[[str, Any], None]


def warm_up(directory: str, iterations: int, replay: Replay) -> int:
    """Replay each record `iterations` times; returns the number of records.

    Any record that can't be read or answered fails the load, as do more than 1000 of them.
    """
    path = Path(directory) / WARMUP_FILE
    if not path.is_file():
        return 0
    count = 0
    for record in _records(str(path)):
        request = _parse(record, str(path))
        kind = request.WhichOneof("log_type")
        for _ in range(iterations):
            _replay_one(kind, request, replay)
        count += 1
        if count > MAX_RECORDS:
            raise invalid_argument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}")
    log.info("%s: %d warm-up records replayed", directory, count)
    return count


def _records(path: str) -> Iterator[bytes]:
    try:
        yield from tf.compat.v1.io.tf_record_iterator(path)
    except tf_errors.DataLossError as error:
        raise ServingError(
            Code.DATA_LOSS, f"{error.message}. Please verify your warmup data is in TFRecord format."
        ) from error


def _parse(record: bytes, path: str) -> Any:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid_argument(f"Failed to parse warmup record: {record[:200]!r} from {path}") from error


def _replay_one(kind: str | None, request: Any, replay: Replay) -> None:
    if kind is None:
        # A record without a request is nothing to run.
        raise ServingError(Code.UNIMPLEMENTED, "Unsupported log_type for warmup: 0")
    replay(kind, getattr(request, kind).request)
