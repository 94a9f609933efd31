"""Invented replies of two models, as a sitting would have recorded them."""

from __future__ import annotations

import struct
from pathlib import Path

from benchmarks.calls import LARGE, SMALL
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2


def one_row_reply(model: str = "mlp") -> bytes:
    """y float32 (1, 2)."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = model
    tensor = response.outputs["y"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (1, 2):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val = struct.pack("<2f", 1.0, 2.0)
    message: bytes = response.SerializeToString()
    return message


RECORDED = {
    call.model: {"predict": one_row_reply(call.model), "metadata": b"the metadata", "status": b"the status"}
    for call in (SMALL, LARGE)
}


def write_recordings(folder: Path) -> Path:
    """As the fast upstream reads them."""
    for model, replies in RECORDED.items():
        (folder / model).mkdir()
        for name, reply in replies.items():
            (folder / model / name).write_bytes(reply)
    return folder
