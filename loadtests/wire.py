"""The bytes of a `digits` Predict: one row in, ten scores out; TensorFlow is never imported."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from loadtests.rows import LABELS, Row
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
INPUT = "pixels"
OUTPUT = "scores"
_SCORES = struct.Struct(f"<{LABELS}f")


class BadReply(Exception):
    """A reply that is no answer to the question; the text is stable, so that equal faults are counted together."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said: the version in model_spec and (1, 10) scores as a flat tuple."""

    model: str
    version: int
    scores: tuple[float, ...]


def encode_request(model: str, row: Row) -> bytes:
    """A PredictRequest of one row, shape (1, 8, 8, 1) uint8 in tensor_content; no version: the server chooses."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    tensor = request.inputs[INPUT]
    tensor.dtype = tensor_pb2.DT_UINT8
    for size in (1, 8, 8, 1):
        tensor.tensor_shape.dim.add().size = size
    tensor.tensor_content = row.pixels
    payload: bytes = request.SerializeToString()
    return payload


def decode_reply(payload: bytes) -> Reply:
    """Read a PredictResponse of one row.

    Raises: BadReply for anything that is not exactly `scores`, float32, (1, 10), with all ten values.
    """
    try:
        response = predict_pb2.PredictResponse.FromString(payload)
    except DecodeError as error:
        raise BadReply("reply is not a PredictResponse") from error
    if set(response.outputs) != {OUTPUT}:
        raise BadReply(f"outputs are {sorted(response.outputs)}, wanted ['{OUTPUT}']")
    if not response.model_spec.HasField("version"):
        raise BadReply("reply's model_spec has no version")
    tensor = response.outputs[OUTPUT]
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.dtype != tensor_pb2.DT_FLOAT:
        raise BadReply(f"{OUTPUT} has dtype {tensor.dtype}, wanted {tensor_pb2.DT_FLOAT} (float32)")
    if shape != (1, LABELS):
        raise BadReply(f"{OUTPUT} has shape {shape}, wanted (1, {LABELS})")
    content = tensor.tensor_content or tensor.float_val
    if len(content) != _SCORES.size:
        raise BadReply(f"{OUTPUT} holds {len(content)} bytes, wanted {_SCORES.size}")
    return Reply(response.model_spec.name, response.model_spec.version.value, _SCORES.unpack(content))
