"""TensorFlow with nothing before it, for who asks what it makes of a request: it dies of some, as its own server does.

`python -m tests.integration.shield.bare DIR LIMIT`: models are DIR/NAME/1. Serialized PredictRequests come by standard
input, each behind its length and whether to run what doesn't fit its signature; verdicts leave by standard output as
JSON behind their length. Tensors are read by tf.io.parse_tensor and fed to the session as they are. Inputs of more than
LIMIT bytes are not expanded.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import predict_pb2

ASKED, TOLD = struct.Struct(">I?"), struct.Struct(">I")


class Model:
    """One loaded version and its prepared calls."""

    def __init__(self, path: Path) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            self._meta = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
        self._calls: dict[str, Any] = {}

    def judge(self, request: Any, limit: int, brave: bool) -> dict[str, str]:
        """What TensorFlow says: refused for `names`, `parse`, `size`, `signature`, by the `model`; or `ok`."""
        name = request.model_spec.signature_name or "serving_default"
        signature = self._meta.signature_def.get(name)
        if signature is None or signature.inputs.keys() != set(request.inputs):
            return {"verdict": "names"}
        aliases = sorted(signature.inputs)
        arrays, fit = [], True
        for alias in aliases:
            array, refusal = read(request.inputs[alias], limit)
            if refusal:
                return {"verdict": refusal, "words": alias}
            fit = fit and fits(signature.inputs[alias], request.inputs[alias].dtype, array.shape)
            arrays.append(array)
        if not (fit or brave):
            return {"verdict": "signature"}
        try:
            self._call(name, signature, aliases)(*arrays)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            return {"verdict": "model", "words": str(error)}
        return {"verdict": "ok"}

    def _call(self, name: str, signature: Any, aliases: list[str]) -> Any:
        call = self._calls.get(name)
        if call is None:
            feeds = [signature.inputs[alias].name for alias in aliases]
            fetches = [info.name for info in signature.outputs.values()]
            options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
            call = self._calls[name] = self._session._make_callable_from_options(options)
        return call


def read(tensor: Any, limit: int) -> tuple[Any, str]:
    """(the array, why there is none): `parse` or `size`."""
    try:
        dtype = tf.as_dtype(tensor.dtype)
    except TypeError:
        return None, "parse"
    count = 1
    for dim in tensor.tensor_shape.dim:
        count *= max(dim.size, 0)
    if count * max(dtype.size or 0, 1) > limit:
        return None, "size"
    try:
        array = tf.io.parse_tensor(tensor.SerializeToString(), dtype).numpy()
    except (tf.errors.OpError, TypeError, ValueError):
        return None, "parse"
    return np.array(array, dtype=object) if isinstance(array, bytes) else array, ""


def fits(info: Any, dtype: int, shape: tuple[int, ...]) -> bool:
    return bool(info.dtype == dtype and tf.TensorShape(info.tensor_shape).is_compatible_with(shape))


def judge(models: dict[str, Model], message: bytes, limit: int, brave: bool) -> dict[str, str]:
    try:
        request = predict_pb2.PredictRequest.FromString(message)
    except DecodeError:
        return {"verdict": "message"}
    model = models.get(request.model_spec.name)
    return {"verdict": "names"} if model is None else model.judge(request, limit, brave)


def serve(source: BinaryIO, out: BinaryIO, models: dict[str, Model], limit: int) -> None:
    """Until the input ends."""
    while len(head := source.read(ASKED.size)) == ASKED.size:
        length, brave = ASKED.unpack(head)
        answer = json.dumps(judge(models, source.read(length), limit, brave)).encode()
        out.write(TOLD.pack(len(answer)) + answer)
        out.flush()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    loaded = {entry.name: Model(entry / "1") for entry in sorted(folder.iterdir()) if entry.is_dir()}
    with os.fdopen(0, "rb") as stdin, os.fdopen(1, "wb") as stdout:
        serve(stdin, stdout, loaded, int(sys.argv[2]))
