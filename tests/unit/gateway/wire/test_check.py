"""Promises of wire/check.py: what would hurt a model is refused, in TensorFlow Serving's words where it has some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, UnknownSignature
from gateway.wire.check import check_inputs, fingerprint
from gateway.wire.signature import Signature, TensorSpec
from gateway.wire.tensor import Head
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import predict_request, tensor_proto, view_of

FLOAT, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_STRING
ONE = Signature({"a": TensorSpec(FLOAT, (-1, 8), "feed_a:0")}, {})
TWO = Signature({"a": TensorSpec(FLOAT, (-1, 8)), "b": TensorSpec(FLOAT, None, "feed_b:0")}, {})
WITH_DEFAULT = Signature(TWO.inputs, {}, defaults=frozenset({"a"}))
ROWS = tensor_proto(FLOAT, [2, 8])


def check(
    request: predict_pb2.PredictRequest, signature: Signature | None, signature_name: str, max_tensor_bytes: int
) -> tuple[Head, ...]:
    """What is known of the inputs of a request that passed."""
    request.model_spec.signature_name = signature_name
    view = view_of(request)
    check_inputs(view, signature, max_tensor_bytes)
    return view.heads


def refused(signature: Signature, max_tensor_bytes: int = 1000, **inputs: tensor_pb2.TensorProto) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check(predict_request(**inputs), signature, "serving_default", max_tensor_bytes)
    return caught.value.message


def test_what_fits_passes_and_its_heads_come_back() -> None:
    heads = check(predict_request(b=tensor_proto(FLOAT, []), a=ROWS), TWO, "serving_default", 1000)
    assert heads == (("a", FLOAT, (2, 8)), ("b", FLOAT, ()))


def test_no_rows_and_defaults_left_out_pass() -> None:
    check(predict_request(a=tensor_proto(FLOAT, [0, 8])), ONE, "s", 1000)
    assert check(predict_request(b=ROWS), WITH_DEFAULT, "s", 1000) == (("b", FLOAT, (2, 8)),)


def test_an_unknown_signature_is_refused() -> None:
    with pytest.raises(UnknownSignature, match=r'^Serving signature key "nope" not found\.$'):
        check(predict_request(a=ROWS), None, "nope", 1000)


def test_a_wrong_number_of_inputs_names_what_is_extra_and_missing() -> None:
    assert refused(TWO, a=ROWS) == (
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}."
    )
    assert refused(ONE, a=ROWS, z=ROWS) == (
        "input size does not match signature: 2!=1 len({a,z}) != len({a}). Sent extra: {z}. Missing but required: {}."
    )


def test_a_missing_input_without_default_is_named_with_its_feed() -> None:
    assert refused(TWO, a=ROWS, z=ROWS) == (
        "Signature input alias: b(feed name: feed_b:0) not found in request and no default value provided. Inputs "
        "expected to be in the request {a,z}, or default input alias set: "
    )
    assert refused(WITH_DEFAULT, a=ROWS).endswith("in the request {a}, or default input alias set: a")


def test_a_name_too_much_beside_a_default_left_out_is_refused() -> None:
    assert refused(WITH_DEFAULT, b=ROWS, z=ROWS) == (
        "Inputs contains invalid name. Used request inputs: b, request input: b,z"
    )


def test_a_wrong_dtype_says_what_came_and_what_is_wanted() -> None:
    assert refused(ONE, a=tensor_proto(tensor_pb2.DT_INT32, [2, 8])) == (
        'input "a" of signature "serving_default": DT_INT32 came, DT_FLOAT is wanted'
    )


def test_a_forgotten_batch_dimension_is_refused_with_a_hint() -> None:
    assert refused(ONE, a=tensor_proto(FLOAT, [8])) == (
        'input "a" of signature "serving_default": rank 1, shape (8) came, rank 2, shape (?,8) is wanted '
        "(is the batch dimension missing?)"
    )
    assert "missing?" not in refused(ONE, a=tensor_proto(FLOAT, [1, 2, 8]))


def test_a_wrong_known_dimension_is_refused() -> None:
    assert refused(ONE, a=tensor_proto(FLOAT, [2, 9])) == (
        'input "a" of signature "serving_default": shape (2,9) came, (?,8) is wanted'
    )


def test_all_problems_are_told_at_once() -> None:
    signature = Signature({"a": TensorSpec(FLOAT, (-1,)), "b": TensorSpec(FLOAT, (-1,))}, {})
    assert refused(signature, a=tensor_proto(FLOAT, []), b=tensor_proto(9, [1])).count("is wanted") == 2


@pytest.mark.parametrize("shape", [[-1, 8], [2**62, 2], [2**40] * 8, [1] * 255])
def test_a_shape_that_tensorflow_cannot_parse_is_refused_in_its_words(shape: list[int]) -> None:
    signature = Signature({"a": TensorSpec(FLOAT, None)}, {})
    assert refused(signature, a=tensor_proto(FLOAT, shape)) == "tensor parsing error: a"


def test_a_few_bytes_that_stand_for_terabytes_are_refused() -> None:
    bomb = tensor_proto(FLOAT, [2**46, 8], float_val=bytes(4))
    assert refused(ONE, a=bomb) == (
        'input "a" of signature "serving_default": shape (70368744177664,8) expands to 2251799813685248 bytes, '
        "at most 1000 are allowed"
    )


def test_the_size_that_is_just_allowed_passes() -> None:
    check(predict_request(a=tensor_proto(FLOAT, [31, 8])), ONE, "s", 31 * 8 * 4)
    assert "expands to" in refused(ONE, 31 * 8 * 4, a=tensor_proto(FLOAT, [32, 8]))


def test_strings_are_weighed_with_what_is_repeated() -> None:
    signature = Signature({"a": TensorSpec(STRING, (-1,))}, {})
    check(predict_request(a=tensor_proto(STRING, [3], string_val=[b"x" * 50])), signature, "s", 1000)
    assert "expands to" in refused(signature, a=tensor_proto(STRING, [20], string_val=[b"x" * 50]))
    assert "expands to" in refused(signature, a=tensor_proto(STRING, [50]))
    assert "expands to" in refused(signature, a=tensor_proto(STRING, [1], string_val=[b"x" * 1000]))


@given(st.lists(st.integers(-5, 20), max_size=4), st.sampled_from([FLOAT, STRING, 99]))
def test_only_what_the_signature_allows_passes(shape: list[int], dtype: int) -> None:
    request = predict_request(a=tensor_proto(dtype, shape))
    allowed = dtype == FLOAT and len(shape) == 2 and shape[0] >= 0 and shape[1] == 8
    try:
        check(request, ONE, "s", 10**6)
    except InvalidRequest:
        assert not allowed
    else:
        assert allowed


def test_a_fingerprint_is_the_same_for_calls_that_look_alike() -> None:
    one, again, other = (
        fingerprint(view_of(predict_request(a=tensor)))
        for tensor in (ROWS, tensor_proto(FLOAT, [2, 8], float_val=bytes(4)), tensor_proto(FLOAT, [3, 8]))
    )
    assert hash(one) == hash(again)
    assert one != other
