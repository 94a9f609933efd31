"""Promises of wire/encode.py: what is written by hand is what protobuf would write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.encode import delimited, field_head, map_entry_head, tensor_head, varint
from protos.stubs.tidegate.wire.v1 import model_pb2, predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import tensor_proto


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_varint_is_protobufs_int64(value: int) -> None:
    spec = model_pb2.ModelSpec()
    spec.version.ParseFromString(b"\x08" + varint(value))
    assert spec.version.value == value
    assert not value or spec.version.SerializeToString() == b"\x08" + varint(value)


@given(st.binary(max_size=300))
def test_a_delimited_field_is_protobufs(payload: bytes) -> None:
    wanted = predict_pb2.PredictRequest(client_id=payload).SerializeToString()
    assert delimited(6, payload) == field_head(6, len(payload)) + payload == wanted


@given(st.sampled_from(tensor_pb2.DataType.values()), st.lists(st.integers(0, 2**63 - 1), max_size=5))
def test_a_tensor_head_is_a_tensor_without_values(dtype: int, shape: list[int]) -> None:
    assert tensor_head(dtype, tuple(shape)) == tensor_proto(dtype, shape).SerializeToString()


def test_a_dtype_that_has_no_name_yet_is_written_as_its_number() -> None:
    assert tensor_pb2.TensorProto.FromString(tensor_head(99, (1,))).dtype == 99


@given(st.text(max_size=200), st.binary(max_size=300))
def test_a_map_entry_is_protobufs(alias: str, content: bytes) -> None:
    tensor = tensor_proto(1, [2], tensor_content=content)
    wanted = predict_pb2.PredictRequest()
    wanted.inputs[alias].CopyFrom(tensor)
    value = tensor.SerializeToString()
    cut = len(value) - len(content)
    assert map_entry_head(2, alias.encode(), value[:cut], len(content)) + value[cut:] == wanted.SerializeToString()
