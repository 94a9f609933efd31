"""The reply to a joined request as one reply per member, in the encoding the server chose."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Final

from google.protobuf.message import DecodeError

from gateway.wire.dtype import LAYOUTS
from gateway.wire.encode import delimited, field_head, map_entry_head, tensor_head
from gateway.wire.reasons import Uncut
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

_OUTPUTS: Final = 1  # PredictResponse's fields
_MODEL_SPEC: Final = 2
_PACKED_BYTES: Final = {"float_val": 4, "double_val": 8, "scomplex_val": 8, "dcomplex_val": 16, "float8_val": 1}
_LISTS: Final = ("int_val", "string_val", "int64_val", "bool_val", "half_val", "uint32_val", "uint64_val")


def cut_response(reply: bytes, rows: Sequence[int], padding_rows: int = 0) -> list[bytes] | Uncut:
    """A serialized PredictResponse for each member, in order; the padding's rows are dropped.

    Shapes: every output is (sum(rows) + padding_rows, *features); member i's is (rows[i], *features). The model spec is
    the server's. Nothing is guessed: a reply that holds anything else, or values that are not exactly what its shapes
    say, is not cut.
    """
    try:
        response = predict_pb2.PredictResponse.FromString(reply)
    except DecodeError:
        return Uncut.UNPARSABLE
    response.DiscardUnknownFields()
    if response.ByteSize() != len(reply):
        return Uncut.UNUSUAL_ENCODING
    if not response.outputs:
        return Uncut.NO_OUTPUTS
    columns: list[list[bytes]] = []
    for alias, tensor in response.outputs.items():
        column = _cut_tensor(alias.encode(), tensor, rows, padding_rows)
        if isinstance(column, Uncut):
            return column
        columns.append(column)
    spec = delimited(_MODEL_SPEC, response.model_spec.SerializeToString()) if response.HasField("model_spec") else b""
    if len(columns) == 1:
        return [entry + spec for entry in columns[0]]
    return [b"".join(entries) + spec for entries in zip(*columns, strict=True)]


def _cut_tensor(
    alias: bytes, tensor: tensor_pb2.TensorProto, rows: Sequence[int], padding_rows: int
) -> list[bytes] | Uncut:
    """The `outputs` entry of each member."""
    shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    if not shape:
        return Uncut.SCALAR
    bounds = list(accumulate(rows, initial=0))
    if shape[0] != bounds[-1] + padding_rows or min(shape) < 0:
        return Uncut.ROWS
    # Everything that is set besides dtype and shape; more than one list of values would be ambiguous.
    payloads = [(field, value) for field, value in tensor.ListFields() if field.number > 2]
    row_elements = prod(shape[1:])
    if not payloads and row_elements == 0:
        return _byte_entries(alias, tensor.dtype, shape[1:], bounds, b"", 4, 0)
    if len(payloads) != 1:
        return Uncut.PAYLOAD
    field, values = payloads[0]
    if field.name in _LISTS:
        if len(values) != shape[0] * row_elements:
            return Uncut.PAYLOAD
        return _list_entries(alias, tensor, field.name, bounds)
    size = LAYOUTS[tensor.dtype].size if tensor.dtype in LAYOUTS else 0
    if field.name != "tensor_content":
        size = _PACKED_BYTES.get(field.name, 0)
    if not size or len(values) != shape[0] * row_elements * size:
        return Uncut.PAYLOAD
    return _byte_entries(alias, tensor.dtype, shape[1:], bounds, values, field.number, row_elements * size)


def _byte_entries(
    alias: bytes,
    dtype: int,
    features: tuple[int, ...],
    bounds: list[int],
    values: bytes,
    number: int,
    row_bytes: int,
) -> list[bytes]:
    """Cut by bytes. Members of equally many rows share everything before their values."""
    heads: dict[int, bytes] = {}
    entries = []
    for start, end in pairwise(bounds):
        count = end - start
        if count not in heads:
            size = count * row_bytes
            value_head = tensor_head(dtype, (count, *features)) + (field_head(number, size) if size else b"")
            heads[count] = map_entry_head(_OUTPUTS, alias, value_head, size)
        entries.append(heads[count] + values[start * row_bytes : end * row_bytes])
    return entries


def _list_entries(alias: bytes, tensor: tensor_pb2.TensorProto, field: str, bounds: list[int]) -> list[bytes]:
    """Cut a decoded list (varints have no fixed width, strings neither)."""
    features = tuple([dim.size for dim in tensor.tensor_shape.dim])[1:]
    values = getattr(tensor, field)
    row_elements = prod(features)
    entries = []
    for start, end in pairwise(bounds):
        listed = tensor_pb2.TensorProto()
        getattr(listed, field).extend(values[start * row_elements : end * row_elements])
        tail = listed.SerializeToString()
        head = tensor_head(tensor.dtype, (end - start, *features))
        entries.append(map_entry_head(_OUTPUTS, alias, head, len(tail)) + tail)
    return entries
