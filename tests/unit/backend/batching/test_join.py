"""Promises of backend.batching.join: rows are stacked, padded and checked as TensorFlow Serving does."""

from __future__ import annotations

import numpy as np
import pytest

from backend.batching.join import batch_rows, check_output, join
from backend.batching.params import BatchingParams
from backend.errors import Code, ServingError
from backend.tensors import Array

PLAIN = BatchingParams()
SIZES = BatchingParams(max_batch_size=4, allowed_batch_sizes=(4,))
PADDED = BatchingParams(pad_variable_length_inputs=True)


def test_rows_are_stacked_in_order() -> None:
    assert join("x:0", [np.array([[1], [2]]), np.array([[3]])], PLAIN).tolist() == [[1], [2], [3]]


def test_padding_repeats_the_first_row_of_the_last_request() -> None:
    assert join("x:0", [np.array([[1]]), np.array([[2], [3]])], SIZES).tolist() == [[1], [2], [3], [2]]


def test_a_lone_request_of_the_right_size_is_not_copied() -> None:
    array = np.zeros((4, 2))
    assert join("x:0", [array], SIZES) is array


def test_other_feature_shapes_fail_unless_padding_is_on() -> None:
    parts = [np.array([[1, 2, 3]]), np.array([[4, 5]])]
    with pytest.raises(ServingError) as error:
        join("x:0", parts, PLAIN)
    assert error.value.code is Code.FAILED_PRECONDITION
    assert error.value.message == (
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. "
        "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal "
        "dimensions starting with the first dim."
    )
    assert join("x:0", parts, PADDED).tolist() == [[1, 2, 3], [4, 5, 4]]


def test_strings_and_empty_features_are_padded_too() -> None:
    strings = [np.array([[b"a", b"b"]], object), np.array([[b"c"]], object), np.zeros((1, 0), object)]
    assert join("x:0", strings, PADDED).tolist() == [[b"a", b"b"], [b"c", b"c"], [b"", b""]]


def test_only_equal_ranks_are_padded() -> None:
    with pytest.raises(ServingError, match="one rank"):
        join("x:0", [np.zeros((1, 2)), np.zeros((1, 2, 2))], PADDED)


def test_a_request_has_one_number_of_rows() -> None:
    assert batch_rows([np.zeros((3, 2)), np.zeros(3)]) == 3
    cases: list[tuple[list[Array], str]] = [
        ([], "Batching Run() must have at least one input tensor"),
        ([np.zeros(())], "Batching Run() input tensors must have at least one dimension"),
        ([np.zeros(2), np.zeros(3)], "Batching Run() input tensors must have equal 0th-dimension size"),
    ]
    for arrays, text in cases:
        with pytest.raises(ServingError) as error:
            batch_rows(arrays)
        assert (error.value.code, error.value.message) == (Code.INVALID_ARGUMENT, text)


def test_outputs_must_have_the_batchs_rows() -> None:
    check_output(np.zeros((3, 1)), 3)
    with pytest.raises(ServingError, match=r"^FAILED_PRECONDITION: Batched output tensor has 0 dimensions$"):
        check_output(np.zeros(()), 3)
    with pytest.raises(ServingError, match="0th dimension does not equal the sum of the 0th dimension sizes"):
        check_output(np.zeros((2,)), 3)
