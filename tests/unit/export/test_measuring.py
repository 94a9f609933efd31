"""Rows to try a model with, and how far answers lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from export.runtime import shape_problem
from export.sample import LOOK_AT, different_rows, is_constant, sample_rows
from export.signature import Signature, TensorInfo
from export.tolerance import difference_ratio


def test_a_difference_is_a_share_of_the_range() -> None:
    assert difference_ratio(np.array([10.0, 1.0]), np.array([10.0, 0.0])) == pytest.approx(0.1)
    assert difference_ratio(np.array([1, 2]), np.array([1, 2])) == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.zeros(2), np.zeros(3)),
        (np.array([np.nan]), np.array([1.0])),
        (np.array(["a"], object), np.array(["b"], object)),
        (np.array([True]), np.array([False])),
    ],
)
def test_what_cannot_be_equal_differs_without_bound(left: object, right: object) -> None:
    assert difference_ratio(np.asarray(left), np.asarray(right)) == float("inf")


def test_texts_that_are_equal_do_not_differ() -> None:
    assert difference_ratio(np.array(["a"], object), np.array(["a"], object)) == 0


def test_a_forgotten_batch_dimension_is_caught() -> None:
    assert shape_problem((8, 8, 1), (None, 8, 8, 1)) == "shape (8, 8, 1) doesn't fit (?, 8, 8, 1)"
    assert shape_problem((3, 8, 8, 1), (None, 8, 8, 1)) is None


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "uint8", "int32", "int64", "bool", "string", "float16", "bfloat16"]
)
def test_sample_rows_have_the_signatures_shape_and_dtype(dtype: str) -> None:
    signature = Signature({"x": TensorInfo(dtype, (None, 4, None))}, {})
    rows = sample_rows(signature, 3, None)["x"]
    assert rows.shape == (3, 4, 32)
    assert rows.dtype == (object if dtype == "string" else dtype)
    assert len({str(row) for row in rows}) == 3


def test_too_few_data_rows_are_repeated() -> None:
    signature = Signature({"x": TensorInfo("int64", (None,))}, {})
    assert sample_rows(signature, 5, {"x": np.array([7, 8])})["x"].tolist() == [7, 8, 7, 8, 7]


def test_rows_that_differ_are_found_anywhere_in_the_data() -> None:
    values = np.zeros((3 * LOOK_AT, 2, 2))
    values[LOOK_AT + 5, 1, 0] = 1
    values[-1, 0, 1] = 2
    picked = different_rows({"x": values}, 3)["x"]
    np.testing.assert_array_equal(picked, values[[0, LOOK_AT + 5, -1]])


def test_rows_that_differ_in_more_inputs_are_picked_before_those_that_differ_in_fewer() -> None:
    data = {"x": np.array([0, 1, 2, 3, 4]), "word": np.array(["a", "a", "a", "b", "b"], object)}
    picked = different_rows(data, 3)
    assert picked["x"].tolist() == [0, 3, 1]
    assert picked["word"].tolist() == ["a", "b", "a"]


def test_rows_that_are_all_alike_are_repeated_and_seen_to_be_alike() -> None:
    for values in (np.ones((5, 2)), np.array([b"x"] * 5, object), np.ones((5, 0)), np.ones((1, 3), bool)):
        picked = different_rows({"x": values}, 3)["x"]
        assert picked.shape == (3, *values.shape[1:])
        assert is_constant(picked)
    assert not is_constant(np.array([1, 1, 2]))


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64"])
def test_made_up_zeros_and_ones_are_never_the_same_in_all_rows(dtype: str) -> None:
    signature = Signature({"x": TensorInfo(dtype, (None,))}, {})
    for seed in range(20):
        assert set(sample_rows(signature, 3, None, seed)["x"].tolist()) == {0, 1}
