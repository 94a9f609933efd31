"""The call that is measured: one small Predict, as bytes, and how many rows a Predict has. Pure."""

from __future__ import annotations

import struct
from typing import Final

from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

MODEL: Final = "mlp"
FEATURES: Final = 64
PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"
CALL_TIMEOUT_S: Final = 30  # every call carries this timeout, as those of careful clients do
FRAME_BYTES: Final = 5  # before each gRPC message: compressed or not, and the length


def small_request() -> bytes:
    """A PredictRequest of one row, float32 (1, 64), as clients of TensorFlow Serving send it."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = "serving_default"
    tensor = request.inputs["x"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (1, FEATURES):
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = struct.pack(f"<{FEATURES}f", *(feature / FEATURES for feature in range(FEATURES)))
    message: bytes = request.SerializeToString(deterministic=True)
    return message


def framed(message: bytes) -> bytes:
    """The message as gRPC carries it in DATA frames: uncompressed, with its length before it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def rows_of(message: bytes) -> int:
    """First dimension of a PredictRequest's input."""
    request = predict_pb2.PredictRequest.FromString(message)
    return int(next(iter(request.inputs.values())).tensor_shape.dim[0].size)


def repeated_reply(reply: bytes, rows: int) -> bytes:
    """A one-row PredictResponse of float_val outputs, repeated to `rows` rows."""
    response = predict_pb2.PredictResponse.FromString(reply)
    for tensor in response.outputs.values():
        tensor.tensor_shape.dim[0].size = rows
        tensor.float_val = tensor.float_val * rows
    message: bytes = response.SerializeToString()
    return message
