"""Promises of wire/cut.py: cut(join(xs)) == xs in the server's own encoding, and nothing is cut by guessing."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.cut import cut_response
from gateway.wire.encode import delimited, varint
from gateway.wire.reasons import Uncut
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import (
    SIZES,
    STRING,
    Joined,
    join_of,
    joins,
    lone_of,
    predict_response,
    raw_tensor,
    tensor_proto,
)

FLOAT = tensor_pb2.DT_FLOAT
PACKED: dict[int, str] = {
    tensor_pb2.DT_FLOAT: "float_val",
    tensor_pb2.DT_DOUBLE: "double_val",
    tensor_pb2.DT_COMPLEX64: "scomplex_val",
    tensor_pb2.DT_COMPLEX128: "dcomplex_val",
    tensor_pb2.DT_FLOAT8_E4M3FN: "float8_val",
}
LISTED: dict[int, tuple[str, st.SearchStrategy[object]]] = {
    tensor_pb2.DT_INT32: ("int_val", st.integers(-(2**31), 2**31 - 1)),
    tensor_pb2.DT_UINT8: ("int_val", st.integers(0, 255)),
    tensor_pb2.DT_INT64: ("int64_val", st.integers(-(2**63), 2**63 - 1)),
    tensor_pb2.DT_UINT32: ("uint32_val", st.integers(0, 2**32 - 1)),
    tensor_pb2.DT_UINT64: ("uint64_val", st.integers(0, 2**64 - 1)),
    tensor_pb2.DT_BOOL: ("bool_val", st.booleans()),
    tensor_pb2.DT_BFLOAT16: ("half_val", st.integers(0, 65535)),
    tensor_pb2.DT_STRING: ("string_val", st.binary(max_size=20)),
}


def cut(response: predict_pb2.PredictResponse, rows: Sequence[int], padding_rows: int = 0) -> list[bytes] | Uncut:
    return cut_response(response.SerializeToString(), rows, padding_rows)


def echo(message: bytes, encoding: str) -> predict_pb2.PredictResponse:
    """What a server answers whose model returns its inputs; "content" as --enable_serialization_as_tensor_content."""
    request = predict_pb2.PredictRequest.FromString(message)
    response = predict_response()
    for alias, tensor in request.inputs.items():
        answer = response.outputs[alias]
        answer.CopyFrom(tensor)
        if encoding == "values" and tensor.dtype in PACKED:
            answer.ClearField("tensor_content")
            setattr(answer, PACKED[tensor.dtype], tensor.tensor_content)
        if encoding == "content" and tensor.dtype == STRING:
            answer.ClearField("string_val")
            lengths = [varint(len(string)) for string in tensor.string_val]
            answer.tensor_content = b"".join([*lengths, *tensor.string_val])
    return response


@settings(max_examples=100)
@given(encoding=st.sampled_from(["content", "values"]), joined=joins(), padding_rows=st.integers(0, 3))
def test_a_model_that_returns_its_inputs_returns_each_members(encoding: str, joined: Joined, padding_rows: int) -> None:
    parts = cut(echo(join_of(joined, padding_rows), encoding), joined.rows, padding_rows)
    lone = [echo(lone_of(joined, index), encoding) for index in range(len(joined.rows))]
    assert isinstance(parts, list)
    assert [predict_pb2.PredictResponse.FromString(part) for part in parts] == lone
    assert [sorted(part) for part in parts] == [sorted(response.SerializeToString()) for response in lone]
    if len(joined.features) == 1:  # a map has no order
        assert parts == [response.SerializeToString() for response in lone]


@settings(max_examples=60)
@given(
    dtype=st.sampled_from(sorted(LISTED)),
    data=st.data(),
    rows=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    features=st.integers(0, 3),
)
def test_lists_of_every_kind_are_cut_where_they_should(
    dtype: int, data: st.DataObject, rows: list[int], features: int
) -> None:
    field, element = LISTED[dtype]
    blocks = [data.draw(st.lists(element, min_size=count * features, max_size=count * features)) for count in rows]
    joined = [value for block in blocks for value in block]
    parts = cut(predict_response(y=tensor_proto(dtype, [sum(rows), features], **{field: joined})), rows)
    assert isinstance(parts, list)
    assert [predict_pb2.PredictResponse.FromString(part) for part in parts] == [
        predict_response(y=tensor_proto(dtype, [count, features], **{field: block}))
        for count, block in zip(rows, blocks, strict=True)
    ]


def test_the_model_spec_is_the_servers() -> None:
    response = predict_response(y=tensor_proto(FLOAT, [2], float_val=bytes(8)))
    parts = cut(response, [1, 1])
    assert isinstance(parts, list)
    specs = [predict_pb2.PredictResponse.FromString(part).model_spec for part in parts]
    assert specs == [response.model_spec] * 2
    response.ClearField("model_spec")
    parts = cut(response, [1, 1])
    assert isinstance(parts, list)
    assert not predict_pb2.PredictResponse.FromString(parts[0]).HasField("model_spec")


def test_several_outputs_are_cut_alike() -> None:
    scores = tensor_proto(FLOAT, [2, 2], float_val=struct.pack("<4f", 1, 2, 3, 4))
    response = predict_response(scores=scores, classes=tensor_proto(tensor_pb2.DT_INT64, [2], int64_val=[5, 6]))
    parts = cut(response, [1, 1])
    assert isinstance(parts, list)
    assert predict_pb2.PredictResponse.FromString(parts[1]) == predict_response(
        scores=tensor_proto(FLOAT, [1, 2], float_val=struct.pack("<2f", 3, 4)),
        classes=tensor_proto(tensor_pb2.DT_INT64, [1], int64_val=[6]),
    )


def test_a_dtype_of_tomorrow_in_a_list_is_cut_and_in_content_is_not() -> None:
    assert isinstance(cut(predict_response(y=tensor_proto(99, [2], int_val=[1, 2])), [1, 1]), list)
    assert cut(predict_response(y=tensor_proto(99, [2], tensor_content=bytes(8))), [1, 1]) is Uncut.PAYLOAD


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (tensor_proto(FLOAT, [], float_val=bytes(4)), Uncut.SCALAR),
        (tensor_proto(FLOAT, [1, 2], float_val=bytes(8)), Uncut.ROWS),
        (tensor_proto(FLOAT, [3], float_val=bytes(12)), Uncut.ROWS),
        (tensor_proto(FLOAT, [2, -1], float_val=bytes(8)), Uncut.ROWS),
        (tensor_proto(FLOAT, [2], float_val=bytes(4)), Uncut.PAYLOAD),
        (tensor_proto(FLOAT, [2], float_val=bytes(12)), Uncut.PAYLOAD),
        (tensor_proto(FLOAT, [2]), Uncut.PAYLOAD),
        (tensor_proto(FLOAT, [2], float_val=bytes(8), tensor_content=bytes(8)), Uncut.PAYLOAD),
        (tensor_proto(FLOAT, [2], tensor_content=bytes(9)), Uncut.PAYLOAD),
        (tensor_proto(tensor_pb2.DT_STRING, [2], tensor_content=b"ab"), Uncut.PAYLOAD),
        (tensor_proto(tensor_pb2.DT_STRING, [2], string_val=[b"a"]), Uncut.PAYLOAD),
        (tensor_proto(FLOAT, [2], version_number=3), Uncut.UNUSUAL_ENCODING),
        (tensor_proto(FLOAT, [2, 0], float_val=bytes(4)), Uncut.PAYLOAD),
        (tensor_proto(STRING, [2]), Uncut.PAYLOAD),
        (tensor_proto(STRING, [2], tensor_content=b"\1\2ab"), Uncut.PAYLOAD),
        (tensor_proto(STRING, [2], tensor_content=b"\1\1abc"), Uncut.PAYLOAD),
        (tensor_proto(tensor_pb2.DT_INT64, [2], int64_val=[300]), Uncut.PAYLOAD),
        (tensor_proto(tensor_pb2.DT_INT64, [2], int64_val=[300, 1, 1]), Uncut.PAYLOAD),
    ],
)
def test_what_is_not_exactly_rows_is_not_cut(tensor: tensor_pb2.TensorProto, reason: Uncut) -> None:
    assert cut(predict_response(y=tensor), [1, 1]) is reason


def test_rows_without_elements_are_cut() -> None:
    parts = cut(predict_response(y=tensor_proto(FLOAT, [2, 0])), [1, 1])
    assert isinstance(parts, list)
    assert predict_pb2.PredictResponse.FromString(parts[0]) == predict_response(y=tensor_proto(FLOAT, [1, 0]))


def test_a_reply_with_anything_we_would_lose_is_not_cut() -> None:
    whole = predict_response(y=tensor_proto(FLOAT, [2], float_val=bytes(8))).SerializeToString()
    unpacked = raw_tensor(FLOAT, [2], b"\x2d\0\0\0\0" * 2)
    assert cut_response(whole + b"\xa2\x38\x01x", [1, 1]) is Uncut.UNUSUAL_ENCODING
    entry = delimited(1, delimited(1, b"y") + delimited(2, unpacked))
    assert cut_response(entry, [1, 1]) is Uncut.UNUSUAL_ENCODING


def test_varints_that_no_parser_takes_are_not_cut() -> None:
    for run in (b"\x05\x80", b"\x80" * 10 + b"\1\1"):
        tensor = raw_tensor(tensor_pb2.DT_INT64, [2], delimited(10, run))
        entry = delimited(1, delimited(1, b"y") + delimited(2, tensor))
        assert cut_response(entry, [1, 1]) is Uncut.PAYLOAD


def test_the_sign_of_zero_and_the_payload_of_a_nan_are_kept() -> None:
    bits = b"\0\0\0\x80" + b"\1\0\x80\x7f"
    for field in ("float_val", "tensor_content"):
        parts = cut(predict_response(y=tensor_proto(FLOAT, [2], **{field: bits})), [1, 1])
        assert isinstance(parts, list)
        rows = [getattr(predict_pb2.PredictResponse.FromString(part).outputs["y"], field) for part in parts]
        assert rows == [bits[:4], bits[4:]]


def test_a_reply_without_outputs_or_without_sense_is_not_cut() -> None:
    assert cut(predict_response(), [1, 1]) is Uncut.NO_OUTPUTS
    assert cut_response(b"\x0a\xff\xff", [1, 1]) is Uncut.UNPARSABLE


def test_every_joinable_dtype_has_been_thought_of() -> None:
    assert set(PACKED) <= set(SIZES)
