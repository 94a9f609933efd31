"""Requests, replies and tensors for the tests of wire/, with their own idea of how many bytes an element has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from hypothesis import strategies as st

from gateway.call import Message
from gateway.wire.encode import delimited, varint
from gateway.wire.join import join_request
from gateway.wire.spec import SpecView
from gateway.wire.tensor import Features, Values
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

SIZES: Mapping[int, int] = {
    tensor_pb2.DT_FLOAT: 4,
    tensor_pb2.DT_DOUBLE: 8,
    tensor_pb2.DT_INT32: 4,
    tensor_pb2.DT_UINT8: 1,
    tensor_pb2.DT_INT16: 2,
    tensor_pb2.DT_INT8: 1,
    tensor_pb2.DT_COMPLEX64: 8,
    tensor_pb2.DT_INT64: 8,
    tensor_pb2.DT_UINT16: 2,
    tensor_pb2.DT_COMPLEX128: 16,
    tensor_pb2.DT_HALF: 2,
    tensor_pb2.DT_BFLOAT16: 2,
    tensor_pb2.DT_UINT32: 4,
    tensor_pb2.DT_UINT64: 8,
    tensor_pb2.DT_FLOAT8_E4M3FN: 1,
}
STRING = tensor_pb2.DT_STRING


def tensor_proto(dtype: int, shape: Sequence[int], **values: object) -> tensor_pb2.TensorProto:
    """A TensorProto as a client writes it; `values` are its value fields."""
    dims = [tensor_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    shape_proto = tensor_pb2.TensorShapeProto(dim=dims)
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape_proto, **values)  # type: ignore[arg-type]  # any field


def predict_request(**inputs: tensor_pb2.TensorProto) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    for alias, tensor in inputs.items():
        request.inputs[alias].CopyFrom(tensor)
    return request


def view_of(request: predict_pb2.PredictRequest) -> SpecView:
    """What the gateway reads of it."""
    return SpecView(request.model_spec, request)


def predict_response(**outputs: tensor_pb2.TensorProto) -> predict_pb2.PredictResponse:
    """A reply of version 7, as TensorFlow Serving fills its model spec."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "digits"
    response.model_spec.signature_name = "serving_default"
    response.model_spec.version.value = 7
    for alias, tensor in outputs.items():
        response.outputs[alias].CopyFrom(tensor)
    return response


def raw_tensor(dtype: int, shape: Sequence[int], *fields: bytes) -> bytes:
    """A TensorProto's bytes: dtype and shape, then the fields as they are given."""
    return tensor_proto(dtype, shape).SerializeToString() + b"".join(fields)


def single(number: int, value: bytes) -> bytes:
    """One value of four or eight bytes that isn't packed."""
    return varint(number << 3 | (5 if len(value) == 4 else 1)) + value


def raw_request(**tensors: bytes) -> bytes:
    """A PredictRequest's bytes around those of its inputs."""
    entries = [delimited(2, delimited(1, alias.encode()) + delimited(2, data)) for alias, data in tensors.items()]
    return predict_request().SerializeToString() + b"".join(entries)


def encoded(strings: Sequence[bytes]) -> bytes:
    """How values of strings are kept: string_val fields."""
    return b"".join([delimited(8, string) for string in strings])


class Joined(NamedTuple):
    """Members of one lane: `values` and `rows` of each."""

    features: Features
    values: list[Values]
    rows: list[int]


@st.composite
def blocks(draw: st.DrawFn, dtype: int, count: int) -> bytes:
    """`count` elements as values hold them."""
    if dtype == STRING:
        # Longer than 127 bytes now and then: then a length takes two.
        short, long = st.binary(max_size=5), st.just(b"x" * 130)
        return encoded(draw(st.lists(short | long, min_size=count, max_size=count)))
    return draw(st.binary(min_size=count * SIZES[dtype], max_size=count * SIZES[dtype]))


@st.composite
def joins(draw: st.DrawFn, dtypes: Sequence[int] = (*sorted(SIZES), STRING)) -> Joined:
    """One to five members with the same aliases, dtypes and features and their own rows."""
    shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
    columns = draw(
        st.dictionaries(st.text(max_size=5), st.tuples(st.sampled_from(dtypes), shapes), min_size=1, max_size=3)
    )
    features = tuple((alias, dtype, shape) for alias, (dtype, shape) in sorted(columns.items()))
    rows = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    values = [tuple(draw(blocks(dtype, count * prod(shape))) for _, dtype, shape in features) for count in rows]
    return Joined(features, values, rows)


def whole(message: Message) -> bytes:
    """A message that may come in pieces."""
    return message if isinstance(message, bytes) else b"".join(message)


def join_of(joined: Joined, padding_rows: int = 0) -> bytes:
    """All members in one request."""
    return whole(join_request("digits", 7, "serving_default", (), *joined, padding_rows))


def lone_of(joined: Joined, index: int) -> bytes:
    """One of them in a request of its own."""
    return join_of(Joined(joined.features, [joined.values[index]], [joined.rows[index]]))
