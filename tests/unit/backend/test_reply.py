"""Promises of backend.reply: the bytes parse back to what the model gave, in the field that clients read."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import dtypes
from backend.errors import ServingError
from backend.reply import tensor_bytes
from backend.tensors import Array, to_array
from tests.unit.backend.protos import tensor_class

ARRAYS: list[Array] = [
    np.array([[1.5, -2.25]], np.float32),
    np.array([1e300, -0.0], np.float64),
    np.array([-5, 2**31 - 1, 0, 127, 128], np.int32),
    np.array([0, 255], np.uint8),
    np.array([-32768, 32767], np.int16),
    np.array([-128, 127], np.int8),
    np.array([1 + 2j, -3j], np.complex64),
    np.array([1 + 2j, -3j], np.complex128),
    np.array([-(2**63), 2**63 - 1], np.int64),
    np.array([True, False]),
    np.array([1.5, -2.0], np.float16),
    np.array([1.5, -2.0], ml_dtypes.bfloat16),
    np.array([65535], np.uint16),
    np.array([2**32 - 1], np.uint32),
    np.array([2**64 - 1], np.uint64),
    np.array([b"a", b"", b"\xff"], object),
    np.array(3.5, np.float32),
    np.zeros((0, 4), np.float32),
]


def _parsed(data: bytes) -> Any:
    return tensor_class().FromString(data)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}-{a.shape}")
@pytest.mark.parametrize("as_content", [False, True])
def test_every_element_type_survives_the_wire(array: Array, as_content: bool) -> None:
    message = _parsed(tensor_bytes(array, as_content))
    got = to_array(message, "y")
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert got.tolist() == array.tolist()
    field = dtypes.BY_NUMPY[array.dtype].field
    in_content = as_content and array.dtype != object and array.size > 0
    assert bool(message.tensor_content) == in_content
    assert bool(len(getattr(message, field))) == (array.size > 0 and not in_content)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_any_integers_survive_the_wire(values: list[int]) -> None:
    array = np.array(values, np.int64)
    assert list(_parsed(tensor_bytes(array, False)).int64_val) == values


def test_a_slice_that_is_not_contiguous_is_written_in_its_own_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert to_array(_parsed(tensor_bytes(array, False)), "y").tolist() == array.tolist()


def test_an_output_type_that_cannot_travel_is_an_error() -> None:
    with pytest.raises(ServingError, match="datetime64"):
        tensor_bytes(np.array([0], "datetime64[s]"), False)
