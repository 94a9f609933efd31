"""Promises of wire/tensor.py: exactly the bytes of its shape, as TensorFlow reads a tensor, or no join."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import RawTensor, normalise, read_heads
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import SIZES, predict_request, tensor_proto

FLOAT = tensor_pb2.DT_FLOAT


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def read(tensor: tensor_pb2.TensorProto) -> RawTensor | Unjoined:
    return normalise(tensor, "x", 1000)


def data_of(tensor: tensor_pb2.TensorProto) -> bytes:
    raw = read(tensor)
    assert isinstance(raw, RawTensor)
    return raw.data


def test_heads_are_read_in_the_order_of_their_aliases_without_believing_them() -> None:
    request = predict_request(b=tensor_proto(FLOAT, [2**62, -5]), a=tensor_proto(99, []))
    assert read_heads(request) == (("a", 99, ()), ("b", 1, (2**62, -5)))


@given(st.sampled_from(sorted(SIZES)), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.data())
def test_tensor_content_comes_out_as_it_is(dtype: int, shape: list[int], data: st.DataObject) -> None:
    size = SIZES[dtype]
    for dim in shape:
        size *= dim
    content = data.draw(st.binary(min_size=size, max_size=size))
    raw = normalise(tensor_proto(dtype, shape, tensor_content=content), "x", 10**6)
    assert raw == RawTensor(dtype, tuple(shape), content)


@pytest.mark.parametrize("length", [4, 7, 9, 12])
def test_tensor_content_of_a_wrong_length_fails_its_own_caller(length: int) -> None:
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: x$"):
        read(tensor_proto(FLOAT, [2], tensor_content=bytes(length)))


def test_a_bool_that_is_neither_true_nor_false_fails_its_own_caller() -> None:
    assert data_of(tensor_proto(tensor_pb2.DT_BOOL, [2], tensor_content=b"\1\0")) == b"\1\0"
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: x$"):
        read(tensor_proto(tensor_pb2.DT_BOOL, [2], tensor_content=b"\1\2"))


def test_tensor_content_goes_before_a_value_list() -> None:
    assert data_of(tensor_proto(FLOAT, [1], tensor_content=floats(1), float_val=floats(2))) == floats(1)


def test_a_full_value_list_comes_out_as_it_is() -> None:
    assert data_of(tensor_proto(FLOAT, [3, 1], float_val=floats(1, 2, 3))) == floats(1, 2, 3)


def test_too_few_values_repeat_the_last() -> None:
    assert data_of(tensor_proto(FLOAT, [4], float_val=floats(1, 2))) == floats(1, 2, 2, 2)


def test_no_values_are_zeros() -> None:
    assert data_of(tensor_proto(FLOAT, [2, 2])) == bytes(16)
    assert data_of(tensor_proto(tensor_pb2.DT_INT64, [2])) == bytes(16)


def test_surplus_values_are_cut() -> None:
    assert data_of(tensor_proto(FLOAT, [2], float_val=floats(1, 2, 3))) == floats(1, 2)
    assert data_of(tensor_proto(tensor_pb2.DT_UINT8, [2], int_val=[1, 2, 3])) == b"\1\2"


def test_the_list_of_another_dtype_is_not_looked_at() -> None:
    assert data_of(tensor_proto(FLOAT, [1], int_val=[7], double_val=bytes(8))) == bytes(4)


@pytest.mark.parametrize(
    ("dtype", "field", "values", "wanted"),
    [
        (tensor_pb2.DT_INT32, "int_val", [-1, 2], "<2i"),
        (tensor_pb2.DT_INT16, "int_val", [-1, 2], "<2h"),
        (tensor_pb2.DT_UINT16, "int_val", [65535, 2], "<2H"),
        (tensor_pb2.DT_INT8, "int_val", [-128, 2], "<2b"),
        (tensor_pb2.DT_UINT8, "int_val", [255, 2], "<2B"),
        (tensor_pb2.DT_INT64, "int64_val", [-(2**63), 2], "<2q"),
        (tensor_pb2.DT_UINT32, "uint32_val", [2**32 - 1, 2], "<2I"),
        (tensor_pb2.DT_UINT64, "uint64_val", [2**64 - 1, 2], "<2Q"),
        (tensor_pb2.DT_BOOL, "bool_val", [True, False], "<2?"),
        (tensor_pb2.DT_HALF, "half_val", [0x3C00, 0xFE01], "<2H"),
        (tensor_pb2.DT_BFLOAT16, "half_val", [0x3F80, 0x7FC1], "<2H"),
    ],
)
def test_whole_number_lists_become_little_endian_bytes(dtype: int, field: str, values: list[int], wanted: str) -> None:
    assert data_of(tensor_proto(dtype, [2], **{field: values})) == struct.pack(wanted, *values)


def test_values_outside_the_dtype_are_left_to_tensorflow() -> None:
    assert read(tensor_proto(tensor_pb2.DT_UINT8, [2], int_val=[300, 1])) is Unjoined.VALUES
    assert read(tensor_proto(tensor_pb2.DT_HALF, [1], half_val=[0x10000])) is Unjoined.VALUES


def test_a_list_that_is_no_whole_number_of_elements_is_left_to_tensorflow() -> None:
    assert read(tensor_proto(FLOAT, [2], float_val=bytes(7))) is Unjoined.VALUES
    assert read(tensor_proto(tensor_pb2.DT_COMPLEX64, [2], scomplex_val=bytes(12))) is Unjoined.VALUES


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (tensor_proto(tensor_pb2.DT_STRING, [1], string_val=[b"a"]), Unjoined.STRING),
        (tensor_proto(tensor_pb2.DT_RESOURCE, [1]), Unjoined.DTYPE),
        (tensor_proto(tensor_pb2.DT_INT4, [1]), Unjoined.DTYPE),
        (tensor_proto(FLOAT, []), Unjoined.SCALAR),
        (tensor_proto(FLOAT, [0, 3]), Unjoined.EMPTY),
        (tensor_proto(FLOAT, [3, 0]), Unjoined.EMPTY),
        (tensor_proto(FLOAT, [3, -1]), Unjoined.NEGATIVE_DIM),
        (tensor_proto(FLOAT, [-1, 0]), Unjoined.NEGATIVE_DIM),
    ],
)
def test_what_has_no_rows_to_join_says_why(tensor: tensor_pb2.TensorProto, reason: Unjoined) -> None:
    assert read(tensor) is reason


def test_an_unknown_rank_is_not_joined() -> None:
    tensor = tensor_proto(FLOAT, [2])
    tensor.tensor_shape.unknown_rank = True
    assert read(tensor) is Unjoined.UNKNOWN_RANK


def test_the_expanded_size_is_judged_before_anything_is_allocated() -> None:
    assert read(tensor_proto(FLOAT, [250])) == RawTensor(FLOAT, (250,), bytes(1000))
    assert read(tensor_proto(FLOAT, [251])) is Unjoined.TOO_LARGE
    assert read(tensor_proto(FLOAT, [2**62, 2**62, 64], float_val=floats(1))) is Unjoined.TOO_LARGE


def test_a_shape_already_read_is_not_read_again() -> None:
    assert normalise(tensor_proto(FLOAT, [9]), "x", 1000, shape=(2,)) == RawTensor(FLOAT, (2,), bytes(8))
