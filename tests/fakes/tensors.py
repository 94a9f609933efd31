"""Requests, replies and signatures that the fake replica and the tests speak, in wire messages."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from protos.stubs.tidegate.wire.v1 import metadata_pb2, predict_pb2, signature_pb2, tensor_pb2

FEATURES = 2
PREDICT = "/tensorflow.serving.PredictionService/Predict"
CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


def float_tensor(values: Sequence[float], shape: Sequence[int], content: bool = True) -> tensor_pb2.TensorProto:
    """A float32 tensor as clients send it (`content`), or as TensorFlow Serving answers (a packed float_val)."""
    tensor = tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    data = struct.pack(f"<{len(values)}f", *values)
    if content:
        tensor.tensor_content = data
    else:
        tensor.float_val = data
    return tensor


def floats_of(tensor: tensor_pb2.TensorProto) -> list[float]:
    """The values of a float32 tensor, whichever way it carries them."""
    data = tensor.tensor_content or tensor.float_val
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def predict_message(
    values: Sequence[float] = (1.0, 2.0),
    shape: Sequence[int] | None = None,
    *,
    model: str = "digits",
    version: int | None = None,
    label: str | None = None,
    signature: str = "",
    alias: str = "x",
    client_id: bytes = b"",
) -> predict_pb2.PredictRequest:
    """A Predict of float32 rows; without `shape` they are (rows, FEATURES)."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    if client_id:
        request.client_id = client_id
    request.inputs[alias].CopyFrom(float_tensor(values, shape or (len(values) // FEATURES, FEATURES)))
    return request


def answer_of(values: Sequence[float], version: int) -> list[float]:
    """What every fake version answers: half of each value, plus its own number."""
    return [value / 2 + version for value in values]


def signatures(features: int = FEATURES) -> metadata_pb2.SignatureDefMap:
    """`serving_default`: float32 x (rows, features) to float32 y of the same shape."""
    found = metadata_pb2.SignatureDefMap()
    entry: signature_pb2.SignatureDef = found.signature_def["serving_default"]
    entry.method_name = "tensorflow/serving/predict"
    for tensors, alias in ((entry.inputs, "x"), (entry.outputs, "y")):
        info = tensors[alias]
        info.name = f"{alias}:0"
        info.dtype = tensor_pb2.DT_FLOAT
        for size in (-1, features):
            info.tensor_shape.dim.add(size=size)
    return found
