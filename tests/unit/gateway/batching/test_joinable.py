"""Promises of batching/joinable.py: only what is surely rows enters a lane, and everything else says why not."""

from __future__ import annotations

import struct

import pytest

from gateway.batching.joinable import Joinable, joinable
from gateway.batching.key import LaneKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.errors import InvalidRequest
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import Signature, TensorSpec
from gateway.wire.spec import peek
from gateway.wire.tensor import RawTensor
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import predict_request, tensor_proto

FLOAT, INT32 = tensor_pb2.DT_FLOAT, tensor_pb2.DT_INT32
SIGNATURE = Signature(
    {"x": TensorSpec(FLOAT, (-1, 2)), "n": TensorSpec(INT32, (-1,))},
    {"scores": TensorSpec(FLOAT, (-1, 10)), "loss": TensorSpec(FLOAT, ())},
)
X = tensor_proto(FLOAT, [2, 2], float_val=struct.pack("<f", 5))
N = tensor_proto(INT32, [2], tensor_content=struct.pack("<2i", 1, 2))


def request(*output_filter: str, **inputs: tensor_pb2.TensorProto) -> predict_pb2.PredictRequest:
    made = predict_request(**(inputs or {"x": X, "n": N}))
    made.output_filter.extend(output_filter or ["scores"])
    return made


def judge(
    message: predict_pb2.PredictRequest | bytes, signature: Signature = SIGNATURE, policy: BatchPolicy | None = None
) -> Joinable | Unjoined:
    sent = message if isinstance(message, bytes) else message.SerializeToString()
    return joinable(sent, peek("Predict", sent), signature, policy or BatchPolicy())


def test_a_plain_request_brings_its_rows_normalised() -> None:
    joined = judge(request())
    assert isinstance(joined, Joinable)
    assert joined.inputs == {
        "n": RawTensor(INT32, (2,), struct.pack("<2i", 1, 2)),
        "x": RawTensor(FLOAT, (2, 2), struct.pack("<4f", 5, 5, 5, 5)),
    }
    assert (joined.rows, joined.nbytes) == (2, 24)
    assert joined.lane_key("pool", "digits", 7) == LaneKey(
        "pool", "digits", 7, "serving_default", ("scores",), (("n", INT32, ()), ("x", FLOAT, (2,)))
    )
    assert joined.lane_key("pool", "digits", 7).proof_key == ("pool", "digits", 7, "serving_default")


def test_the_default_signature_and_the_filters_order_make_no_other_lane() -> None:
    signature = Signature(SIGNATURE.inputs, {alias: TensorSpec(FLOAT, (-1,)) for alias in "ab"})
    named = request("b", "a")
    named.model_spec.signature_name = "serving_default"
    one, other = judge(request("a", "b"), signature), judge(named, signature)
    assert isinstance(one, Joinable)
    assert isinstance(other, Joinable)
    assert one.lane_key("pool", "digits", 7) == other.lane_key("pool", "digits", 7)


def test_batching_off_joins_nothing() -> None:
    assert judge(request(), policy=BatchPolicy(mode=BatchMode.OFF)) is Unjoined.BATCHING_OFF


def test_an_output_without_rows_is_fine_only_if_not_asked_for() -> None:
    everything = request()
    del everything.output_filter[:]
    assert judge(everything) is Unjoined.SIGNATURE
    assert judge(request("loss")) is Unjoined.SIGNATURE
    assert isinstance(judge(everything, Signature(SIGNATURE.inputs, {"y": TensorSpec(FLOAT, (-1,))})), Joinable)


def test_an_input_of_a_fixed_first_dimension_joins_nothing() -> None:
    fixed = Signature({**SIGNATURE.inputs, "n": TensorSpec(INT32, (2,))}, SIGNATURE.outputs)
    assert judge(request(), fixed) is Unjoined.SIGNATURE


@pytest.mark.parametrize("output_filter", [["scores", "scores"], ["nope"], ["scores", "nope"]])
def test_a_filter_that_tensorflow_serving_refuses_is_left_to_it(output_filter: list[str]) -> None:
    assert judge(request(*output_filter)) is Unjoined.OUTPUT_FILTER


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"x": X}, Unjoined.INPUTS),
        ({"x": X, "other": N}, Unjoined.INPUTS),
        ({"x": X, "n": tensor_proto(FLOAT, [2])}, Unjoined.INPUTS),
        ({"x": X, "n": tensor_proto(INT32, [2, 1])}, Unjoined.INPUTS),
        ({"x": X, "n": tensor_proto(INT32, [])}, Unjoined.SCALAR),
        ({"x": X, "n": tensor_proto(INT32, [3])}, Unjoined.UNEQUAL_ROWS),
        ({"x": tensor_proto(FLOAT, [0, 2]), "n": tensor_proto(INT32, [0])}, Unjoined.EMPTY),
        ({"x": tensor_proto(FLOAT, [65, 2]), "n": tensor_proto(INT32, [65])}, Unjoined.TOO_MANY_ROWS),
        ({"x": tensor_proto(FLOAT, [-1, 2]), "n": tensor_proto(INT32, [-1])}, Unjoined.NEGATIVE_DIM),
    ],
)
def test_inputs_that_are_not_equally_many_rows_say_why(
    inputs: dict[str, tensor_pb2.TensorProto], reason: Unjoined
) -> None:
    assert judge(request(**inputs)) is reason


def test_no_inputs_at_all_are_not_joined() -> None:
    empty = predict_request()
    assert judge(empty, Signature({}, {})) is Unjoined.INPUTS


def test_strings_are_not_joined() -> None:
    signature = Signature({"s": TensorSpec(tensor_pb2.DT_STRING, (-1,))}, {"y": TensorSpec(FLOAT, (-1,))})
    made = predict_request(s=tensor_proto(tensor_pb2.DT_STRING, [1], string_val=[b"a"]))
    assert judge(made, signature) is Unjoined.STRING


def test_more_bytes_than_a_batch_may_have_travel_alone() -> None:
    assert judge(request(), policy=BatchPolicy(max_batch_bytes=23)) is Unjoined.TOO_LARGE
    assert judge(request(), policy=BatchPolicy(max_batch_bytes=7)) is Unjoined.TOO_LARGE
    assert isinstance(judge(request(), policy=BatchPolicy(max_batch_bytes=24)), Joinable)


@pytest.mark.parametrize("extra", [b"\x2a\x02\x08\x01", b"\x3a\x00", b"\xa2\x38\x01x"])
def test_streaming_options_request_options_and_fields_of_tomorrow_are_not_joined(extra: bytes) -> None:
    assert judge(request().SerializeToString() + extra) is Unjoined.UNUSUAL_ENCODING


def test_a_client_id_is_no_reason() -> None:
    made = request()
    made.client_id = b"user 7"
    assert isinstance(judge(made), Joinable)


@pytest.mark.parametrize(
    "values",
    [
        b"\x2d\0\0\x80\x3f" * 4,  # unpacked: one tag a value
        b"\x2a\x08" + bytes(8) + b"\x2a\x08" + bytes(8),  # packed in two chunks
        b"\x2a\x08" + bytes(8) + b"\x2d\0\0\x80\x3f" * 2,  # one after the other
    ],
)
def test_values_unpacked_or_in_chunks_are_not_joined(values: bytes) -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    tensor = tensor_proto(FLOAT, [2, 2]).SerializeToString() + values
    entry = b"\x0a\x01x\x12" + bytes([len(tensor)]) + tensor
    message = predict_request().SerializeToString() + b"\x12" + bytes([len(entry)]) + entry
    assert judge(message, signature) is Unjoined.UNUSUAL_ENCODING


def test_a_wrong_content_length_fails_its_own_caller() -> None:
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: n$"):
        judge(request(x=X, n=tensor_proto(INT32, [2], tensor_content=bytes(9))))
