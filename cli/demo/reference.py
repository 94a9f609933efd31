"""Asks a replica directly, one row a call: the unjoined answers that joined ones are compared with."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import grpc

from loadtests.rows import Row
from protos.stubs.tidegate.wire.v1 import management_pb2, model_pb2, predict_pb2, tensor_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
CALL_TIMEOUT_S = 20.0
SCORES = 10
AVAILABLE = 30


def append_reference(path: Path, address: str, model: str, version: int, rows: Sequence[Row], tolerance: float) -> None:
    """Append the version's scores of every row to the expected-scores file. Raises: grpc.RpcError."""
    with grpc.insecure_channel(address) as channel:
        predict: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        scores = [_scores(predict(_request(model, version, row), timeout=CALL_TIMEOUT_S)) for row in rows]
    line = json.dumps({"version": str(version), "tolerance": tolerance, "scores": scores})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def available_versions(address: str, model: str) -> list[int]:
    """Versions that this replica itself says are AVAILABLE. Raises: grpc.RpcError."""
    request = management_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name=model))
    with grpc.insecure_channel(address) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(STATUS)
        reply = ask(request.SerializeToString(), timeout=CALL_TIMEOUT_S)
    entries = management_pb2.GetModelStatusResponse.FromString(reply).model_version_status
    return sorted(entry.version for entry in entries if entry.state == AVAILABLE)


def _request(model: str, version: int, row: Row) -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.version.value = version
    tensor = request.inputs["pixels"]
    tensor.dtype = tensor_pb2.DT_UINT8
    for size in (1, 8, 8, 1):
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = row.pixels
    return request.SerializeToString()


def _scores(reply: bytes) -> list[float]:
    tensor = predict_pb2.PredictResponse.FromString(reply).outputs["scores"]
    return list(struct.unpack(f"<{SCORES}f", tensor.float_val or tensor.tensor_content))
