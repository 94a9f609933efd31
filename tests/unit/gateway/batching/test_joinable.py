"""Promises of batching/joinable.py: only what is surely rows enters a lane, and everything else says why not."""

from __future__ import annotations

import struct

import pytest

from gateway.batching.joinable import Joinable, joinable
from gateway.batching.key import LaneKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.errors import InvalidRequest
from gateway.wire.forms import Forms
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import Signature, TensorSpec
from gateway.wire.spec import SpecView, peek
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
    message: predict_pb2.PredictRequest | bytes,
    signature: Signature = SIGNATURE,
    policy: BatchPolicy | None = None,
    view: SpecView | None = None,
) -> Joinable | Unjoined:
    sent = message if isinstance(message, bytes) else message.SerializeToString()
    return joinable(sent, view or peek("Predict", sent), signature, policy or BatchPolicy(), "pool", "digits", 7)


def test_a_plain_request_brings_its_rows_normalised() -> None:
    joined = judge(request())
    assert isinstance(joined, Joinable)
    assert joined.features == (("n", INT32, ()), ("x", FLOAT, (2,)))
    assert joined.values == (struct.pack("<2i", 1, 2), struct.pack("<4f", 5, 5, 5, 5))
    assert (joined.rows, joined.nbytes) == (2, 24)
    assert joined.key == LaneKey("pool", "digits", 7, "serving_default", ("scores",), joined.features)
    assert joined.key.proof_key == ("pool", "digits", 7, "serving_default")


def test_the_default_signature_and_the_filters_order_make_no_other_lane() -> None:
    signature = Signature(SIGNATURE.inputs, {alias: TensorSpec(FLOAT, (-1,)) for alias in "ab"})
    named = request("b", "a")
    named.model_spec.signature_name = "serving_default"
    one, other = judge(request("a", "b"), signature), judge(named, signature)
    assert isinstance(one, Joinable)
    assert isinstance(other, Joinable)
    assert one.key == other.key


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


def test_strings_join_as_fields_of_their_own() -> None:
    signature = Signature({"s": TensorSpec(tensor_pb2.DT_STRING, (-1,))}, {"y": TensorSpec(FLOAT, (-1,))})
    made = predict_request(s=tensor_proto(tensor_pb2.DT_STRING, [2], string_val=[b"a", b""]))
    made.output_filter.append("y")
    joined = judge(made, signature)
    assert isinstance(joined, Joinable)
    assert joined.values == (b"\x42\x01a\x42\x00",)


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
    ("values", "wanted"),
    [
        (b"\x2d\0\0\x80\x3f" * 4, b"\0\0\x80\x3f" * 4),  # unpacked: one tag a value
        (b"\x2a\x08" + bytes(8) + b"\x2a\x08" + bytes(8), bytes(16)),  # packed in two chunks
        (b"\x2a\x08" + bytes(8) + b"\x2d\0\0\x80\x3f" * 2, bytes(8) + b"\0\0\x80\x3f" * 2),  # one after the other
    ],
)
def test_values_unpacked_or_in_chunks_are_the_same_values(values: bytes, wanted: bytes) -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    tensor = tensor_proto(FLOAT, [2, 2]).SerializeToString() + values
    entry = b"\x0a\x01x\x12" + bytes([len(tensor)]) + tensor
    message = predict_request().SerializeToString() + b"\x12" + bytes([len(entry)]) + entry
    joined = judge(message, signature)
    assert isinstance(joined, Joinable)
    assert joined.values == (wanted,)


def test_a_wrong_content_length_fails_its_own_caller() -> None:
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: n$"):
        judge(request(x=X, n=tensor_proto(INT32, [2], tensor_content=bytes(9))))


def form(x: bytes, **more: tensor_pb2.TensorProto) -> bytes:
    tensor = tensor_proto(FLOAT, [len(x) // 8, 2], tensor_content=x)
    return request(x=tensor, **more).SerializeToString(deterministic=True)


def test_what_is_found_of_one_call_of_a_form_holds_for_the_others() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    forms, policy = Forms(), BatchPolicy()
    for x in (b"12345678", b"abcdefgh", b"ABCDEFGH"):
        message = form(x)
        found = judge(message, signature, policy, forms.peek(message))
        alone = judge(message, signature, policy)
        assert isinstance(found, Joinable)
        assert isinstance(alone, Joinable)
        assert found.values == alone.values == (x,)
        assert (found.key, found.rows, found.nbytes) == (alone.key, alone.rows, alone.nbytes)


def test_a_reason_of_the_form_is_given_again_and_another_policy_judges_anew() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    forms, narrow, wide = Forms(), BatchPolicy(max_batch_size=1), BatchPolicy()
    message = form(b"12345678" * 2)
    for _ in range(2):
        assert judge(message, signature, narrow, forms.peek(message)) is Unjoined.TOO_MANY_ROWS
        assert isinstance(judge(message, signature, wide, forms.peek(message)), Joinable)


def test_values_that_may_be_wrong_are_looked_at_each_time() -> None:
    signature = Signature({"b": TensorSpec(tensor_pb2.DT_BOOL, (-1,))}, {"scores": TensorSpec(FLOAT, (-1,))})
    forms = Forms()
    for content, is_fine in ((b"\0\1", True), (b"\1\1", True), (b"\0\2", False)):
        tensor = tensor_proto(tensor_pb2.DT_BOOL, [2], tensor_content=content)
        message = request(b=tensor).SerializeToString()
        if is_fine:
            assert isinstance(judge(message, signature, view=forms.peek(message)), Joinable)
        else:
            with pytest.raises(InvalidRequest):
                judge(message, signature, view=forms.peek(message))


def test_values_in_another_dtypes_list_are_none_for_every_call_of_the_form() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    forms = Forms()
    for double in (bytes(8), struct.pack("<d", 7.0)):
        message = request(x=tensor_proto(FLOAT, [1, 2], double_val=double)).SerializeToString()
        found = judge(message, signature, view=forms.peek(message))
        assert isinstance(found, Joinable)
        assert found.values == (bytes(8),)


def test_few_bytes_that_stand_for_many_travel_alone() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, -1))}, {"scores": TensorSpec(FLOAT, (-1,))})
    bomb = tensor_proto(FLOAT, [1, 1 << 20], float_val=bytes(4))
    assert judge(request(x=bomb), signature) is Unjoined.TOO_LARGE
    small = tensor_proto(FLOAT, [1, 1 << 10], float_val=bytes(4))
    assert isinstance(judge(request(x=small), signature), Joinable)


def test_inputs_of_other_lengths_share_a_lane_only_when_padding_is_asked_for() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, -1))}, {"scores": TensorSpec(FLOAT, (-1,))})
    short, long = (request(x=tensor_proto(FLOAT, [1, size], float_val=bytes(4 * size))) for size in (2, 3))
    padded = BatchPolicy(pad_variable_length_inputs=True)
    for policy, meet in ((BatchPolicy(), False), (padded, True)):
        one, other = judge(short, signature, policy), judge(long, signature, policy)
        assert isinstance(one, Joinable)
        assert isinstance(other, Joinable)
        assert (one.key == other.key) is meet
        assert one.features != other.features


def test_a_request_larger_than_a_batch_joins_only_where_it_is_split() -> None:
    signature = Signature({"x": TensorSpec(FLOAT, (-1, 2))}, {"scores": TensorSpec(FLOAT, (-1,))})
    large = request(x=tensor_proto(FLOAT, [9, 2], tensor_content=bytes(72)))
    splits = BatchPolicy(max_batch_size=4, enable_large_batch_splitting=True)
    assert judge(large, signature, BatchPolicy(max_batch_size=4)) is Unjoined.TOO_MANY_ROWS
    assert isinstance(judge(large, signature, splits), Joinable)
    most = BatchPolicy(max_batch_size=4, enable_large_batch_splitting=True, max_enqueued_batches=2)
    assert judge(large, signature, most) is Unjoined.TOO_MANY_ROWS
