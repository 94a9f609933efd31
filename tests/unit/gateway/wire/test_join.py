"""Promises of wire/join.py: one request holds all members' rows in order, then padding."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.join import join_request, pinned_spec
from gateway.wire.tensor import RawTensor, normalise
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.unit.gateway.wire.messages import joins


@settings(max_examples=40)
@given(joins(), st.integers(0, 3))
def test_rows_stand_one_after_the_other_and_the_last_is_repeated(
    members: list[dict[str, RawTensor]], padding_rows: int
) -> None:
    message = join_request("digits", 7, "serving_default", ("a", "b"), members, padding_rows)
    request = predict_pb2.PredictRequest.FromString(message)
    assert request.ByteSize() == len(message)
    assert request.model_spec == pinned_spec("digits", 7, "serving_default")
    assert list(request.output_filter) == ["a", "b"]
    assert set(request.inputs) == set(members[0])
    for alias, tensor in request.inputs.items():
        parts = [inputs[alias] for inputs in members]
        last = parts[-1]
        last_row = last.data[-len(last.data) // last.shape[0] :]
        rows = sum(part.shape[0] for part in parts) + padding_rows
        data = b"".join(part.data for part in parts) + last_row * padding_rows
        assert normalise(tensor, alias, 10**9) == RawTensor(last.dtype, (rows, *last.shape[1:]), data)


def test_the_version_is_written_even_when_it_is_zero() -> None:
    message = join_request("digits", 0, "serving_default", (), [{"x": RawTensor(1, (1,), bytes(4))}])
    spec = predict_pb2.PredictRequest.FromString(message).model_spec
    assert spec.HasField("version")
    assert spec.version.value == 0
