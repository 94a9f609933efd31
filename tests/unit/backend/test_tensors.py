"""Promises of backend.tensors: tensors arrive exactly, and lies cost no memory."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from backend.errors import ServingError
from backend.tensors import MAX_REPEATED_BYTES, read_header, to_array
from tests.unit.backend.protos import tensor

FLOAT, INT32, UINT8, STRING, COMPLEX64, BFLOAT16, HALF = 1, 3, 4, 7, 8, 14, 19


def test_tensor_content_is_read_as_it_lies() -> None:
    sent = np.arange(6, dtype="<f4").reshape(2, 3)
    got = to_array(tensor(FLOAT, (2, 3), tensor_content=sent.tobytes()), "x")
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, sent)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 2], [1, 2, 2, 2]), ([], [0, 0, 0, 0]), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4])],
    ids=["exact", "the last value is repeated", "none means zeros", "surplus is cut"],
)
def test_values_are_fitted_to_the_shape(values: list[float], wanted: list[float]) -> None:
    got = to_array(tensor(FLOAT, (2, 2), float_val=values), "x")
    assert got.ravel().tolist() == wanted


def test_out_of_range_small_integers_wrap_as_in_c() -> None:
    assert to_array(tensor(UINT8, (2,), int_val=[300, -1]), "x").tolist() == [44, 255]


def test_half_values_are_bit_patterns() -> None:
    bits = np.array([1.5, -2.0], np.float16).view(np.uint16).tolist()
    assert to_array(tensor(HALF, (2,), half_val=bits), "x").tolist() == [1.5, -2.0]
    brain = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    assert to_array(tensor(BFLOAT16, (2,), half_val=brain.view(np.uint16).tolist()), "x").dtype == brain.dtype


def test_complex_values_come_in_pairs() -> None:
    got = to_array(tensor(COMPLEX64, (2,), scomplex_val=[1, 2, 3, 4]), "x")
    assert got.tolist() == [1 + 2j, 3 + 4j]


def test_strings_keep_their_bytes() -> None:
    got = to_array(tensor(STRING, (3,), string_val=[b"a", b"\x00\xff"]), "x")
    assert got.tolist() == [b"a", b"\x00\xff", b"\x00\xff"]
    assert to_array(tensor(STRING, (), string_val=[b"a"]), "x").item() == b"a"


def test_a_string_that_stands_for_several_keeps_the_nul_at_its_end() -> None:
    array = to_array(tensor(STRING, (3,), string_val=[b"a", b"b\0"]), "text")
    assert array.tolist() == [b"a", b"b\0", b"b\0"]
    assert to_array(tensor(STRING, (2,)), "text").tolist() == [b"", b""]


def test_an_empty_dimension_makes_an_empty_array() -> None:
    assert to_array(tensor(FLOAT, (0, 7)), "x").shape == (0, 7)


@pytest.mark.parametrize(
    "message",
    [
        tensor(FLOAT, (2,), tensor_content=b"1234567"),
        tensor(FLOAT, (-1, 2), float_val=[1]),
        tensor(0, (1,), float_val=[1]),
        tensor(20, (1,)),
        tensor(101, (1,), float_val=[1]),
        tensor(STRING, (1,), tensor_content=b"\x01a"),
        tensor(FLOAT, (1,) * 65, float_val=[1]),
        tensor(FLOAT, (2**46, 64), float_val=[1]),
        tensor(FLOAT, (2**62, 2**62, 2**62), float_val=[1]),
        tensor(FLOAT, (2**46, 0, 2**20)),
        tensor(FLOAT, (MAX_REPEATED_BYTES // 4 + 1,), float_val=[1]),
    ],
    ids=[
        "content of the wrong length",
        "negative size",
        "no dtype",
        "resource dtype",
        "reference dtype",
        "strings in tensor_content",
        "too many dimensions",
        "one value said to be 2^52",
        "sizes beyond 64 bits",
        "no elements, but sizes beyond 64 bits",
        "repeated beyond the bound",
    ],
)
def test_what_cannot_be_a_tensor_is_refused_by_its_header(message: Any) -> None:
    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: tensor parsing error: pixels$"):
        read_header(message, "pixels")


def test_unknown_rank_is_refused() -> None:
    message = tensor(FLOAT, ())
    message.tensor_shape.unknown_rank = True
    with pytest.raises(ServingError, match="tensor parsing error: x"):
        read_header(message, "x")
