"""Promises of wire/join.py: one request holds all members' rows in order, then padding."""

from __future__ import annotations

from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import LARGE_BYTES
from gateway.wire.join import join_request, pinned_spec
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import STRING, Joined, encoded, joins, whole


@settings(max_examples=60)
@given(joins(), st.integers(0, 3))
def test_rows_stand_one_after_the_other_and_the_last_is_repeated(joined: Joined, padding_rows: int) -> None:
    message = whole(join_request("digits", 7, "serving_default", ("a", "b"), *joined, padding_rows))
    request = predict_pb2.PredictRequest.FromString(message)
    assert request.ByteSize() == len(message)
    assert request.model_spec == pinned_spec("digits", 7, "serving_default")
    assert list(request.output_filter) == ["a", "b"]
    assert set(request.inputs) == {alias for alias, _, _ in joined.features}
    total = sum(joined.rows) + padding_rows
    for (alias, dtype, shape), column in zip(joined.features, zip(*joined.values, strict=True), strict=True):
        tensor, data = request.inputs[alias], b"".join(column)
        assert (tensor.dtype, [dim.size for dim in tensor.tensor_shape.dim]) == (dtype, [total, *shape])
        if dtype == STRING:
            strings = list(tensor_pb2.TensorProto.FromString(data).string_val)
            assert list(tensor.string_val) == strings + strings[-prod(shape) :] * padding_rows
        else:
            row_bytes = len(data) // sum(joined.rows)
            assert tensor.tensor_content == data + data[-row_bytes:] * padding_rows


def test_a_row_of_strings_is_repeated_whole() -> None:
    features = (("x", STRING, (2,)),)
    message = whole(join_request("digits", 7, "", (), features, [(encoded([b"a", b"b", b"c", b""]),)], [2], 2))
    strings = predict_pb2.PredictRequest.FromString(message).inputs["x"].string_val
    assert list(strings) == [b"a", b"b", b"c", b"", b"c", b"", b"c", b""]


def test_the_version_is_written_even_when_it_is_zero() -> None:
    message = whole(join_request("digits", 0, "serving_default", (), (("x", 1, ()),), [(bytes(4),)], [1]))
    spec = predict_pb2.PredictRequest.FromString(message).model_spec
    assert spec.HasField("version")
    assert spec.version.value == 0


def test_large_rows_are_not_put_together() -> None:
    large = [(bytes([number]) * LARGE_BYTES * 2,) for number in (1, 2)]
    message = join_request("digits", 7, "", (), (("x", 4, (LARGE_BYTES * 2,)),), large, [1, 1])
    assert isinstance(message, tuple)
    assert all(any(piece is values[0] for piece in message) for values in large)
    tensor = predict_pb2.PredictRequest.FromString(b"".join(message)).inputs["x"]
    assert tensor.tensor_content == large[0][0] + large[1][0]
