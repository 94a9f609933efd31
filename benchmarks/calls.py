"""The calls that are measured, as bytes: a small Predict and a large one, and how a reply grows with rows. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"
CALL_TIMEOUT_S: Final = 30  # every call carries this timeout, as those of careful clients do
FRAME_BYTES: Final = 5  # before each gRPC message: compressed or not, and the length


@dataclass(frozen=True, slots=True)
class Call:
    """A Predict of one row, float32 (1, features), at a model of its own."""

    model: str
    features: int

    def request(self) -> bytes:
        """The PredictRequest, as clients of TensorFlow Serving send it."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model
        request.model_spec.signature_name = "serving_default"
        tensor = request.inputs["x"]
        tensor.dtype = tensor_pb2.DT_FLOAT
        for size in (1, self.features):
            tensor.tensor_shape.dim.add(size=size)
        values = (feature / self.features for feature in range(self.features))
        tensor.tensor_content = struct.pack(f"<{self.features}f", *values)
        message: bytes = request.SerializeToString(deterministic=True)
        return message


SMALL: Final = Call("mlp", 64)  # 304 bytes
LARGE: Final = Call("wide", 150_000)  # 600 kB, and a reply as small as the other's
MODEL: Final = SMALL.model


def framed(message: bytes) -> bytes:
    """The message as gRPC carries it in DATA frames: uncompressed, with its length before it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def repeated_reply(reply: bytes, rows: int) -> bytes:
    """A one-row PredictResponse of float_val outputs, repeated to `rows` rows."""
    response = predict_pb2.PredictResponse.FromString(reply)
    for tensor in response.outputs.values():
        tensor.tensor_shape.dim[0].size = rows
        tensor.float_val = tensor.float_val * rows
    message: bytes = response.SerializeToString()
    return message
