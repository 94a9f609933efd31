"""Promises of wire/inputs.py: a Predict's inputs as exactly their rows; nothing is made before its size is judged."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.wire.encode import delimited, varint
from gateway.wire.inputs import expanded_bytes, read_values
from gateway.wire.reasons import Unjoined
from gateway.wire.rows import string_ends
from gateway.wire.tensor import Values, read_heads
from gateway.wire.values import MOST_FIELDS, MOST_LISTED
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import (
    SIZES,
    Joined,
    encoded,
    join_of,
    joins,
    lone_of,
    predict_request,
    raw_request,
    raw_tensor,
    single,
    tensor_proto,
)

FLOAT, INT64, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_INT64, tensor_pb2.DT_STRING
X = raw_tensor(FLOAT, [2], delimited(5, struct.pack("<2f", 1, 2)))
SPEC = predict_request().SerializeToString()


def read(message: bytes | predict_pb2.PredictRequest, max_bytes: int = 1000) -> Values | Unjoined:
    """With and without the parsed request, which makes no difference."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    request = predict_pb2.PredictRequest.FromString(data)
    heads = read_heads(request)
    values = read_values(data, request, heads, max_bytes)
    assert read_values(data, None, heads, max_bytes) == values
    return values


@settings(max_examples=60)
@given(joins())
def test_what_was_joined_is_read_back(joined: Joined) -> None:
    assert read(lone_of(joined, 0), 10**6) == joined.values[0]
    columns = zip(*joined.values, strict=True)
    assert read(join_of(joined), 10**6) == tuple(b"".join(column) for column in columns)


def test_inputs_come_in_the_order_of_their_aliases() -> None:
    b, a = raw_tensor(INT64, [1], b"\x50\x07"), raw_tensor(STRING, [1, 2], encoded([b"p", b"q"]))
    wanted = (encoded([b"p", b"q"]), struct.pack("<q", 7), struct.pack("<2f", 1, 2))
    assert read(raw_request(b=b, c=X, a=a)) == wanted
    assert read(raw_request(c=X, a=a, b=b)) == wanted


def test_a_filter_and_a_client_id_do_not_matter_wherever_they_stand() -> None:
    others = delimited(3, b"scores") + delimited(6, b"client") + delimited(3, b"classes")
    spec_again = delimited(1, delimited(4, b"canary"))
    for message in (others + raw_request(x=X), raw_request(x=X) + others, raw_request(x=X) + spec_again):
        assert read(message) == (struct.pack("<2f", 1, 2),)


def test_an_alias_may_stand_behind_its_tensor() -> None:
    turned = SPEC + delimited(2, delimited(2, X) + delimited(1, b"x"))
    assert read(turned) == read(raw_request(x=X)) == (struct.pack("<2f", 1, 2),)


@pytest.mark.parametrize(
    "message",
    [
        raw_request(x=X) + delimited(5, b""),  # predict_streamed_options
        raw_request(x=X) + delimited(7, b""),  # request_options
        raw_request(x=X) + b"\x20\x01",
        raw_request(x=X) + varint(99 << 3 | 3) + varint(99 << 3 | 4),  # a group
        raw_request(x=X) + delimited(1, delimited(9, b"")),
        raw_request(x=X) + delimited(1, delimited(2, b"\x10\x01")),
        raw_request(x=X) + delimited(1, delimited(9, b"long" * 100)),
        raw_request(x=X) + raw_request(x=X),  # an alias twice
        SPEC + delimited(2, delimited(2, X) + delimited(2, X)),
        SPEC + delimited(2, delimited(1, b"x") + delimited(2, X) + delimited(2, X)),
        SPEC + delimited(2, delimited(1, b"x") + delimited(2, X) + delimited(3, b"")),
        SPEC + delimited(2, delimited(1, b"y") + delimited(1, b"x") + delimited(2, X)),
        SPEC + delimited(2, delimited(2, X)),
        raw_request(x=raw_tensor(FLOAT, [2], varint(99 << 3 | 3), varint(99 << 3 | 4))),
    ],
)
def test_what_no_client_library_writes_is_not_joined(message: bytes) -> None:
    assert read(message) is Unjoined.UNUSUAL_ENCODING


@pytest.mark.parametrize("field", [delimited(1, b""), delimited(3, b""), delimited(6, b"")])
def test_a_request_of_very_many_fields_is_not_walked_to_its_end(field: bytes) -> None:
    message = raw_request(x=X)  # of two fields
    assert read(message + field * (MOST_FIELDS - 2)) == (struct.pack("<2f", 1, 2),)
    assert read(message + field * (MOST_FIELDS - 1)) is Unjoined.UNUSUAL_ENCODING


@pytest.mark.parametrize(
    ("dtype", "shape", "reason"),
    [
        (tensor_pb2.DT_RESOURCE, [1], Unjoined.DTYPE),
        (tensor_pb2.DT_INT4, [1], Unjoined.DTYPE),
        (FLOAT, [], Unjoined.SCALAR),
        (FLOAT, [0, 3], Unjoined.EMPTY),
        (STRING, [3, 0], Unjoined.EMPTY),
        (FLOAT, [3, -1], Unjoined.NEGATIVE_DIM),
        (FLOAT, [-1, 0], Unjoined.NEGATIVE_DIM),
        (FLOAT, [251], Unjoined.TOO_LARGE),
        (STRING, [501], Unjoined.TOO_LARGE),
        (FLOAT, [2**62, 2**62, 64], Unjoined.TOO_LARGE),
    ],
)
def test_what_has_no_rows_to_join_says_why(dtype: int, shape: list[int], reason: Unjoined) -> None:
    assert read(predict_request(x=tensor_proto(dtype, shape))) is reason


def test_all_inputs_together_are_bounded() -> None:
    floats, strings = tensor_proto(FLOAT, [125]), tensor_proto(STRING, [1], string_val=[b"a" * 98])
    assert read(predict_request(a=floats, b=floats)) == (bytes(500), bytes(500))
    assert read(predict_request(a=floats, b=floats, c=strings)) is Unjoined.TOO_LARGE
    assert read(predict_request(a=floats, b=floats), 999) is Unjoined.TOO_LARGE
    assert isinstance(read(predict_request(a=strings, b=floats, c=strings), 700), tuple)
    assert read(predict_request(a=strings, b=floats, c=strings), 699) is Unjoined.TOO_LARGE


def test_very_many_strings_travel_alone() -> None:
    assert expanded_bytes((("x", STRING, (MOST_LISTED,)),), 10**9) == 0
    assert expanded_bytes((("x", STRING, (MOST_LISTED + 1,)),), 10**9) is Unjoined.TOO_LARGE


@pytest.mark.parametrize("dtype", [FLOAT, INT64, STRING, tensor_pb2.DT_COMPLEX128])
@pytest.mark.parametrize("shape", [[2**40], [2**62, 2**62], [1, 10**7], [4, -1], [2**63 - 1] * 8])
def test_a_few_bytes_that_stand_for_very_many_cost_nothing(dtype: int, shape: list[int]) -> None:
    fields: dict[int, bytes] = {FLOAT: single(5, b"abcd"), INT64: b"\x50\x01", STRING: encoded([b"a"])}
    message = raw_request(x=raw_tensor(dtype, shape, fields.get(dtype, b"")))
    request = predict_pb2.PredictRequest.FromString(message)
    heads = read_heads(request)
    tracemalloc.start()
    try:
        values = read_values(message, request, heads, 10**6)
        assert tracemalloc.get_traced_memory()[1] < 30_000
    finally:
        tracemalloc.stop()
    assert isinstance(values, Unjoined)


@settings(max_examples=300)
@given(
    st.sampled_from([*sorted(SIZES), STRING, tensor_pb2.DT_BOOL, 0, 99]),
    st.lists(st.integers(-2, 4) | st.sampled_from([2**31, 2**62, -(2**63)]), max_size=4),
    st.lists(
        st.builds(delimited, st.integers(1, 20), st.binary(max_size=12))
        | st.builds(single, st.integers(1, 20), st.sampled_from([bytes(4), bytes(8)]))
        | st.builds(lambda number, value: varint(number << 3) + varint(value), st.integers(1, 20), st.integers(0, 300)),
        max_size=6,
    ),
)
def test_hostile_tensors_are_exactly_their_rows_or_not_joined(
    dtype: int, shape: list[int], fields: list[bytes]
) -> None:
    message = raw_request(x=raw_tensor(dtype, shape, *fields))
    try:
        request = predict_pb2.PredictRequest.FromString(message)
    except DecodeError:
        return
    heads = read_heads(request)
    try:
        values = read(message)
    except InvalidRequest as error:
        assert str(error) == "tensor parsing error: x"
        return
    if not isinstance(values, Unjoined):
        (_, came, sizes), size = heads[0], SIZES.get(heads[0][1], 1)
        for dim in sizes:
            size *= dim
        assert len(values[0]) == size if came != STRING else string_ends(values[0], [size])
