"""Several Predict requests as one: their rows stacked along the first axis, without decoding a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from gateway.wire.encode import field_head, map_entry_head, tensor_head
from gateway.wire.tensor import RawTensor
from protos.stubs.tidegate.wire.v1 import model_pb2, predict_pb2

_TENSOR_CONTENT = 4  # TensorProto's field
_INPUTS = 2  # PredictRequest's field


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
    members: Sequence[Mapping[str, RawTensor]],
    padding_rows: int = 0,
) -> bytes:
    """One PredictRequest of all members' rows, then `padding_rows` copies of the very last row.

    Shapes: input a of member i is (rows_i, *features_a); in the result it is (sum(rows_i) + padding_rows, *features_a).
    The lane has seen to it that aliases, dtypes and features are the same for all members.
    """
    parts = [_request_head(model, version, signature_name, output_filter)]
    for alias in members[0]:
        _append_input(parts, alias, [inputs[alias] for inputs in members], padding_rows)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _request_head(model: str, version: int, signature_name: str, output_filter: tuple[str, ...]) -> bytes:
    spec = pinned_spec(model, version, signature_name)
    return predict_pb2.PredictRequest(model_spec=spec, output_filter=output_filter).SerializeToString()


def _append_input(parts: list[bytes], alias: str, tensors: list[RawTensor], padding_rows: int) -> None:
    dtype, (last_rows, *features), last = tensors[-1]
    contents = [tensor.data for tensor in tensors]
    if padding_rows:
        contents.append(last[-(len(last) // last_rows) :] * padding_rows)
    rows = sum([tensor.shape[0] for tensor in tensors]) + padding_rows
    size = sum(map(len, contents))
    value_head = tensor_head(dtype, (rows, *features)) + field_head(_TENSOR_CONTENT, size)
    parts.append(map_entry_head(_INPUTS, alias.encode(), value_head, size))
    parts.extend(contents)
