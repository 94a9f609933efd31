"""What is refused where no signature is known: only what would expand to too much."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.wire.check import check_sizes
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import predict_request, tensor_proto, view_of

FLOAT, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_STRING


def check(max_tensor_bytes: int = 1000, **inputs: tensor_pb2.TensorProto) -> None:
    check_sizes(view_of(predict_request(**inputs)), max_tensor_bytes)


def test_the_size_that_is_just_allowed_passes_whatever_the_shape() -> None:
    check(128, a=tensor_proto(FLOAT, [4, 8]), b=tensor_proto(FLOAT, []), c=tensor_proto(FLOAT, [0, 32]))
    with pytest.raises(InvalidRequest, match=r'input "a": shape \(4,8\) expands to 128 bytes, at most 127 are allowed'):
        check(127, a=tensor_proto(FLOAT, [4, 8]))


@pytest.mark.parametrize("shape", [[2**40, 0], [0, 2**46], [2**30, 0, 8, 3]])
def test_no_elements_beside_a_huge_dimension_are_as_large_as_what_a_model_may_make_of_them(shape: list[int]) -> None:
    """A sum over the empty axis of (2^40,0) has 2^40 elements."""
    with pytest.raises(
        InvalidRequest, match=r'^input "a": shape \(.*\) expands to \d+ bytes, at most 1000 are allowed$'
    ):
        check(a=tensor_proto(FLOAT, shape))


def test_all_inputs_that_are_too_large_are_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(a=tensor_proto(FLOAT, [2**40]), b=tensor_proto(FLOAT, [1]), c=tensor_proto(99, [2**50]))
    assert caught.value.message.count("expands to") == 2


@pytest.mark.parametrize("shape", [[-1, 8], [2**62, 2], [2**40, 2**40, 0], [2**40] * 100_000])
def test_shapes_that_tensorflow_cannot_parse_are_refused_in_its_words_and_at_once(shape: list[int]) -> None:
    """A hundred thousand dimensions fit into a small message; their product would keep the gateway for minutes."""
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: a$"):
        check(a=tensor_proto(FLOAT, shape))


def test_strings_are_weighed_with_what_is_repeated() -> None:
    check(a=tensor_proto(STRING, [3], string_val=[b"x" * 50]))
    with pytest.raises(InvalidRequest, match="expands to"):
        check(a=tensor_proto(STRING, [20], string_val=[b"x" * 50]))
