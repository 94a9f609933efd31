"""Promises of wire/values.py: exactly the bytes of its shape, as TensorFlow reads a tensor, or no join."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.wire.encode import delimited, varint
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import read_heads
from gateway.wire.values import MOST_FIELDS, MOST_LISTED, read_tensor
from gateway.wire.walk import UnusualEncoding
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import SIZES, encoded, predict_request, raw_tensor, single, tensor_proto

FLOAT, DOUBLE, INT64, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_DOUBLE, tensor_pb2.DT_INT64, tensor_pb2.DT_STRING
COMPLEX64, HALF = tensor_pb2.DT_COMPLEX64, tensor_pb2.DT_HALF
SIGNALLING_NAN = b"\x01\x00\x80\x7f"
DIM_OF_TWO = delimited(2, b"\x08\x02")


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def read(tensor: tensor_pb2.TensorProto | bytes, max_bytes: int = 1000) -> bytes | Unjoined:
    """As the tensor stands in a request, between other bytes."""
    data = tensor if isinstance(tensor, bytes) else tensor.SerializeToString()
    _, dtype, shape = read_heads(predict_request(x=tensor_pb2.TensorProto.FromString(data)))[0]
    return read_tensor(b"\x2a" + data + b"\x2a", 1, 1 + len(data), "x", dtype, shape, max_bytes)


@given(st.sampled_from(sorted(SIZES)), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.data())
def test_tensor_content_comes_out_as_it_is(dtype: int, shape: list[int], data: st.DataObject) -> None:
    size = SIZES[dtype]
    for dim in shape:
        size *= dim
    content = data.draw(st.binary(min_size=size, max_size=size))
    assert read(tensor_proto(dtype, shape, tensor_content=content)) == content


@pytest.mark.parametrize("length", [4, 7, 9, 12])
def test_tensor_content_of_a_wrong_length_fails_its_own_caller(length: int) -> None:
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: x$"):
        read(tensor_proto(FLOAT, [2], tensor_content=bytes(length)))
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: x$"):
        read(tensor_proto(FLOAT, [2], tensor_content=bytes(length), float_val=floats(1, 2)))


def test_a_bool_that_is_neither_true_nor_false_fails_its_own_caller() -> None:
    assert read(tensor_proto(tensor_pb2.DT_BOOL, [2], tensor_content=b"\1\0")) == b"\1\0"
    with pytest.raises(InvalidRequest, match=r"^tensor parsing error: x$"):
        read(tensor_proto(tensor_pb2.DT_BOOL, [2], tensor_content=b"\1\2"))


def test_tensor_content_goes_before_a_value_list_unless_it_is_empty() -> None:
    assert read(tensor_proto(FLOAT, [1], tensor_content=floats(1), float_val=floats(2))) == floats(1)
    assert read(raw_tensor(FLOAT, [1], delimited(4, b""), delimited(5, floats(2)))) == floats(2)
    assert read(raw_tensor(FLOAT, [1], delimited(4, floats(1)), delimited(4, b""))) == floats(0)


def test_a_value_list_is_filled_up_and_cut() -> None:
    assert read(tensor_proto(FLOAT, [3, 1], float_val=floats(1, 2, 3))) == floats(1, 2, 3)
    assert read(tensor_proto(FLOAT, [4], float_val=floats(1, 2))) == floats(1, 2, 2, 2)
    assert read(tensor_proto(FLOAT, [2], float_val=floats(1, 2, 3))) == floats(1, 2)
    assert read(tensor_proto(FLOAT, [2, 2])) == bytes(16)
    assert read(tensor_proto(tensor_pb2.DT_UINT8, [2], int_val=[1, 2, 3])) == b"\1\2"
    assert read(tensor_proto(INT64, [3], int64_val=[-1])) == b"\xff" * 24
    assert read(tensor_proto(INT64, [2])) == bytes(16)
    assert read(tensor_proto(COMPLEX64, [2], scomplex_val=floats(1, 2, 3))) == floats(1, 2, 1, 2)


def test_values_in_chunks_and_one_by_one_are_read_in_order() -> None:
    chunks = raw_tensor(FLOAT, [5], delimited(5, floats(1, 2)), delimited(5, b""), delimited(5, floats(3, 4, 5)))
    assert read(chunks) == floats(1, 2, 3, 4, 5)
    mixed = raw_tensor(
        FLOAT, [4], single(5, floats(1)), delimited(5, floats(2)), single(5, floats(3)), single(5, floats(4))
    )
    assert read(mixed) == floats(1, 2, 3, 4)
    assert read(raw_tensor(DOUBLE, [2], single(6, bytes(8)), single(6, b"\1" * 8))) == bytes(8) + b"\1" * 8
    assert read(raw_tensor(COMPLEX64, [1], single(9, floats(1)), single(9, floats(2)))) == floats(1, 2)
    assert read(raw_tensor(INT64, [3], b"\x50\x07", delimited(10, b"\x08\x09"))) == struct.pack("<3q", 7, 8, 9)


@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(0, 3))
def test_long_runs_of_single_values_are_read_in_order(count: int, others: int) -> None:
    values = [struct.pack("<I", number) for number in range(count)]
    tail = [delimited(6, b""), *[single(5, b"tail")] * others]
    tensor = raw_tensor(FLOAT, [count + others], *[single(5, value) for value in values], *tail)
    assert read(tensor, 10**6) == b"".join(values) + b"tail" * others


def test_a_nan_keeps_its_payload_however_it_came() -> None:
    for field in (single(5, SIGNALLING_NAN), delimited(5, SIGNALLING_NAN), delimited(4, SIGNALLING_NAN * 3)):
        assert read(raw_tensor(FLOAT, [3], field)) == SIGNALLING_NAN * 3
    assert read(raw_tensor(FLOAT, [2], single(5, SIGNALLING_NAN), delimited(5, floats(1)))) == SIGNALLING_NAN + floats(
        1
    )


def test_the_list_of_another_dtype_is_not_looked_at() -> None:
    assert read(tensor_proto(FLOAT, [1], int_val=[7], double_val=bytes(8))) == bytes(4)
    other = raw_tensor(FLOAT, [1], single(6, b"12345678"), delimited(5, floats(3)), delimited(18, b"1"))
    assert read(other) == floats(3)


@pytest.mark.parametrize(
    ("dtype", "field", "values", "wanted"),
    [
        (tensor_pb2.DT_INT32, "int_val", [-1, 2], "<2i"),
        (tensor_pb2.DT_INT16, "int_val", [-1, 2], "<2h"),
        (tensor_pb2.DT_UINT16, "int_val", [65535, 2], "<2H"),
        (tensor_pb2.DT_INT8, "int_val", [-128, 2], "<2b"),
        (tensor_pb2.DT_UINT8, "int_val", [255, 2], "<2B"),
        (INT64, "int64_val", [-(2**63), 2], "<2q"),
        (tensor_pb2.DT_UINT32, "uint32_val", [2**32 - 1, 2], "<2I"),
        (tensor_pb2.DT_UINT64, "uint64_val", [2**64 - 1, 2], "<2Q"),
        (tensor_pb2.DT_BOOL, "bool_val", [True, False], "<2?"),
        (HALF, "half_val", [0x3C00, 0xFE01], "<2H"),
        (tensor_pb2.DT_BFLOAT16, "half_val", [0x3F80, 0x7FC1], "<2H"),
    ],
)
def test_whole_number_lists_become_little_endian_bytes(dtype: int, field: str, values: list[int], wanted: str) -> None:
    tensor, data = tensor_proto(dtype, [2], **{field: values}), struct.pack(wanted, *values)
    assert read(tensor) == data
    raw = tensor.SerializeToString()
    assert read_tensor(raw, 0, len(raw), "x", dtype, (2,), 0, tensor) == data  # parsed already


def test_values_outside_the_dtype_are_left_to_tensorflow() -> None:
    assert read(tensor_proto(tensor_pb2.DT_UINT8, [2], int_val=[300, 1])) is Unjoined.VALUES
    assert read(tensor_proto(HALF, [1], half_val=[0x10000])) is Unjoined.VALUES


def test_bytes_that_are_no_whole_numbers_are_left_to_tensorflow_even_beside_others() -> None:
    assert read(tensor_proto(FLOAT, [2], float_val=bytes(7))) is Unjoined.VALUES
    assert read(raw_tensor(FLOAT, [2], delimited(5, bytes(3)), delimited(5, bytes(8)))) is Unjoined.VALUES
    assert read(tensor_proto(FLOAT, [2], tensor_content=bytes(8), double_val=bytes(7))) is Unjoined.VALUES
    assert read(raw_tensor(FLOAT, [2], single(5, bytes(8)))) is Unjoined.VALUES


def test_strings_come_out_as_their_fields() -> None:
    strings = [b"", b"\xff", b"x" * 200]
    assert read(tensor_proto(STRING, [3], string_val=strings)) == encoded(strings)
    assert read(tensor_proto(STRING, [2], string_val=strings)) == encoded(strings[:2])
    assert read(tensor_proto(STRING, [5], string_val=strings)) == encoded([*strings, strings[2], strings[2]])
    assert read(tensor_proto(STRING, [2, 2])) == encoded([b""] * 4)
    assert read(raw_tensor(STRING, [2], b"\x42\x81\x00a", b"\x18\x01", b"\x42\x01b")) == encoded([b"a", b"b"])


@pytest.mark.parametrize(
    "field", [delimited(99, b"x"), b"\xd8\x06\x01", single(99, bytes(4)), delimited(14, b""), delimited(15, b"")]
)
def test_a_field_that_we_have_no_name_for_never_passes_as_a_string(field: bytes) -> None:
    strings = encoded([b"a", b"b"])
    for fields in ((strings, field), (field, strings), (encoded([b"a"]), field, encoded([b"b"]))):
        assert read(raw_tensor(STRING, [2], *fields)) is Unjoined.UNUSUAL_ENCODING


def test_strings_in_tensor_content_travel_alone() -> None:
    assert read(tensor_proto(STRING, [1], tensor_content=b"\1a")) is Unjoined.STRING
    assert read(tensor_proto(STRING, [1], tensor_content=b"\1a", string_val=[b"a"])) is Unjoined.STRING


def test_an_unknown_rank_is_not_joined() -> None:
    tensor = tensor_proto(FLOAT, [2])
    tensor.tensor_shape.unknown_rank = True
    assert read(tensor) is Unjoined.UNKNOWN_RANK


def test_a_shape_in_pieces_with_named_dimensions_is_the_one_that_was_parsed() -> None:
    named = delimited(2, b"\x08\x03" + delimited(2, b"columns"))
    tensor = b"\x08\x01" + delimited(2, DIM_OF_TWO) + delimited(5, floats(*range(6))) + delimited(2, named)
    assert read(tensor) == floats(*range(6))


@pytest.mark.parametrize(
    "field",
    [
        delimited(14, b""),  # resource_handle_val
        delimited(15, b""),  # variant_val
        delimited(99, b"x"),
        b"\x28\x05",  # float_val as a varint
        b"\x3d\0\0\0\0",  # int_val as four bytes
        b"\x20\x05",  # tensor_content as a varint
        delimited(2, delimited(2, b"\x18\x01")),  # a dimension with something we have no name for
    ],
)
def test_what_a_join_would_lose_is_not_joined(field: bytes) -> None:
    for place in (0, 1):
        fields = [delimited(5, floats(1, 2))]
        fields.insert(place, field)
        assert read(raw_tensor(FLOAT, [2], *fields)) in (Unjoined.UNUSUAL_ENCODING, Unjoined.VALUES)


def test_a_group_or_a_cut_field_is_not_understood() -> None:
    with pytest.raises(UnusualEncoding):
        read(raw_tensor(FLOAT, [2], varint(99 << 3 | 3), varint(99 << 3 | 4)))
    cut = raw_tensor(FLOAT, [2], single(5, floats(1)), b"\x2d\0")
    with pytest.raises(UnusualEncoding):
        read_tensor(cut, 0, len(cut), "x", FLOAT, (2,), 1000)


def test_a_tensor_of_very_many_fields_is_not_walked_to_its_end() -> None:
    halves = [delimited(5, floats(1)), single(5, floats(2))]
    assert read(raw_tensor(FLOAT, [MOST_FIELDS - 2], *halves * (MOST_FIELDS // 2 - 1)), 10**6) == (
        floats(1, 2) * (MOST_FIELDS // 2 - 1)
    )
    assert read(raw_tensor(FLOAT, [MOST_FIELDS + 2], *halves * (MOST_FIELDS // 2 + 1))) is Unjoined.UNUSUAL_ENCODING


def test_very_long_lists_of_varints_travel_alone() -> None:
    tensor = raw_tensor(tensor_pb2.DT_UINT8, [MOST_LISTED + 1], delimited(7, bytes(MOST_LISTED + 1)))
    assert read(tensor) is Unjoined.TOO_LARGE
    fits = raw_tensor(tensor_pb2.DT_UINT8, [MOST_LISTED], delimited(7, bytes(MOST_LISTED + 1)))
    assert read(fits) == bytes(MOST_LISTED)


@pytest.mark.parametrize("strings", [[b"a" * 998], [b"", b"a" * 100], [b"a" * 600, b"b" * 400, b""]])
def test_strings_that_expand_too_far_are_never_made(strings: Sequence[bytes]) -> None:
    tensor = tensor_proto(STRING, [200_000], string_val=strings)
    data = tensor.SerializeToString()
    tracemalloc.start()
    try:
        assert read_tensor(data, 0, len(data), "x", STRING, (200_000,), 10**6 // 4) is Unjoined.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


def test_as_many_strings_as_said_are_still_compared_with_the_bound() -> None:
    assert read(tensor_proto(STRING, [2], string_val=[b"a" * 498, b"b" * 496])) == encoded([b"a" * 498, b"b" * 496])
    assert read(tensor_proto(STRING, [2], string_val=[b"a" * 498, b"b" * 497])) is Unjoined.TOO_LARGE
    assert read(tensor_proto(STRING, [2], string_val=[b"a" * 498, b"b" * 497, b""])) is Unjoined.TOO_LARGE
