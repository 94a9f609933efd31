"""Several Predict requests as one: their rows stacked along the first axis, without decoding a value."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from gateway.call import LARGE_BYTES, Message
from gateway.wire.encode import field_head, map_entry_head, tensor_head
from gateway.wire.rows import last_row_begin
from gateway.wire.tensor import DT_STRING, Features, Values
from protos.stubs.tidegate.wire.v1 import model_pb2, predict_pb2

_TENSOR_CONTENT: Final = 4  # TensorProto's field
_INPUTS: Final = 2  # PredictRequest's field


def pinned_spec(model: str, version: int, signature_name: str) -> model_pb2.ModelSpec:
    """The ModelSpec of exactly one version; version 0 is written, not left out."""
    spec = model_pb2.ModelSpec(name=model, signature_name=signature_name)
    spec.version.value = version
    return spec


def join_request(
    model: str,
    version: int,
    signature_name: str,
    output_filter: tuple[str, ...],
    features: Features,
    members: Sequence[Values],
    rows: Sequence[int],
    padding_rows: int = 0,
) -> Message:
    """One PredictRequest of all members' rows, then `padding_rows` copies of the very last row; large rows in pieces.

    Shapes: input a of member i is (rows[i], *features_a); in the result it is (sum(rows) + padding_rows, *features_a).
    The lane has seen to it that `features` are every member's, or its values are padded to them.
    """
    parts = [_request_head(model, version, signature_name, output_filter)]
    total, nbytes = sum(rows) + padding_rows, 0
    for index, (alias, dtype, shape) in enumerate(features):
        contents = [values[index] for values in members]
        if padding_rows:
            last = contents[-1]
            contents.append(last[last_row_begin(last, dtype, shape, rows[-1]) :] * padding_rows)
        size = sum(map(len, contents))
        head = tensor_head(dtype, (total, *shape))
        if dtype != DT_STRING:  # whose values bring their own tags
            head += field_head(_TENSOR_CONTENT, size)
        parts.append(map_entry_head(_INPUTS, alias.encode(), head, size))
        parts += contents
        nbytes += size
    return b"".join(parts) if nbytes < LARGE_BYTES * len(parts) else tuple(parts)


@lru_cache(maxsize=1024)
def _request_head(model: str, version: int, signature_name: str, output_filter: tuple[str, ...]) -> bytes:
    spec = pinned_spec(model, version, signature_name)
    return predict_pb2.PredictRequest(model_spec=spec, output_filter=output_filter).SerializeToString()
