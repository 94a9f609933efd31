"""Answers compared row by row: classes, tolerance, numbers that are none."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from export.gate.answers import (
    class_output,
    finite_rows,
    lows_and_highs,
    predicted_classes,
    rows_agree,
)
from export.signature import Signature, TensorInfo


def signature(**outputs: TensorInfo) -> Signature:
    return Signature({}, outputs)


def test_the_highest_of_several_scores_is_the_class() -> None:
    assert predicted_classes(np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3]]), 0.5).tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_score_a_row_is_class_1_from_the_threshold_on(shape: tuple[int, ...]) -> None:
    assert predicted_classes(np.array([0.49, 0.5, 1.0]).reshape(shape), 0.5).tolist() == [0, 1, 1]
    assert predicted_classes(np.array([-0.1, 0.0, 0.4]).reshape(shape), 0.0).tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_a_model_that_answers_classes_is_taken_at_its_word(dtype: str) -> None:
    classes = np.array([[0], [7 if dtype != "bool" else 1]]).astype(dtype)
    assert predicted_classes(classes, 0.5).tolist() == [0, 7 if dtype != "bool" else 1]


def test_classes_need_one_output_of_scores() -> None:
    scores = TensorInfo("float32", (None, 3))
    assert class_output(signature(scores=scores)) == "scores"
    assert class_output(signature(scores=TensorInfo("float32", (None,)))) == "scores"
    assert class_output(signature(scores=scores, more=scores)) is None
    assert class_output(signature(boxes=TensorInfo("float32", (None, 4, 4)))) is None
    assert class_output(signature(names=TensorInfo("string", (None, 2)))) is None


def test_a_row_with_a_number_that_is_none_in_any_output_is_found() -> None:
    outputs = {
        "a": np.array([[1.0, 2.0], [np.nan, 1.0], [0.0, 0.0]]),
        "b": np.array([1.0, 1.0, np.inf], ml_dtypes.bfloat16),
        "names": np.array(["x", "y", "z"], object),
    }
    assert finite_rows(outputs).tolist() == [True, False, False]


def test_the_range_of_an_output_leaves_out_what_is_no_number() -> None:
    outputs = {"a": np.array([-1.0, np.nan, 3.0, np.inf]), "b": np.array([np.nan]), "n": np.array([1, 2])}
    assert lows_and_highs(outputs) == {"a": (-1.0, 3.0), "b": (0.0, 0.0)}


def test_rows_agree_within_a_share_of_the_range() -> None:
    base, ours = {"a": np.array([[0.0, 10.0], [5.0, 5.0]])}, {"a": np.array([[0.4, 10.0], [5.0, 5.6]])}
    assert rows_agree(base, ours, {"a": 10.0}).tolist() == [True, False]


def test_what_is_not_real_must_be_equal() -> None:
    base = {"n": np.array([1, 2, 3]), "t": np.array([b"a", b"b", b"c"], object)}
    ours = {"n": np.array([1, 5, 3]), "t": np.array([b"a", b"b", b"x"], object)}
    assert rows_agree(base, ours, {}).tolist() == [True, False, False]


def test_equal_infinities_and_equal_nans_agree() -> None:
    base = {"a": np.array([np.inf, np.nan, np.nan, -np.inf])}
    ours = {"a": np.array([np.inf, np.nan, 1.0, np.inf])}
    assert rows_agree(base, ours, {"a": 1.0}).tolist() == [True, True, False, False]
