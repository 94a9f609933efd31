"""Promises of wire/tensor.py: heads are read without believing them, lists are filled up as TensorFlow does."""

from __future__ import annotations

import pytest

from gateway.wire.dtype import LAYOUTS
from gateway.wire.tensor import LISTED_DTYPES, VALUES_NUMBER, expand, read_heads
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import predict_request, tensor_proto


def test_heads_are_read_in_the_order_of_their_aliases_without_believing_them() -> None:
    request = predict_request(b=tensor_proto(tensor_pb2.DT_FLOAT, [2**62, -5]), a=tensor_proto(99, []))
    assert read_heads(request) == (("a", 99, ()), ("b", 1, (2**62, -5)))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"aabbcc", b"aabbcc"),
        (b"aabbccdd", b"aabbcc"),  # surplus is cut
        (b"aabb", b"aabbbb"),  # the last is repeated
        (b"aab", b"aaaaaa"),  # half a value is none
        (b"a", bytes(6)),
        (b"", bytes(6)),
    ],
)
def test_a_list_becomes_exactly_as_long_as_its_shape_says(data: bytes, wanted: bytes) -> None:
    assert expand(data, 6, 2) == wanted


def test_the_dtypes_whose_lists_are_decoded_are_those_with_a_letter() -> None:
    assert {dtype for dtype, layout in LAYOUTS.items() if layout.code} == LISTED_DTYPES
    assert VALUES_NUMBER.keys() == LAYOUTS.keys()
