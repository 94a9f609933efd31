"""Calibration rows are a bounded, balanced, repeatable draw; rows that say nothing of the ranges are refused."""

from __future__ import annotations

import numpy as np
import pytest

from export.data import Data, Split
from export.errors import BadDataError
from export.quantize.calibration import MAX_ROWS, calibration_rows
from export.signature import Signature, TensorInfo

SIGNATURE = Signature({"x": TensorInfo("float32", (None, 3))}, {"y": TensorInfo("float32", (None, 4))})


def data(rows: int, classes: int = 4, skew: bool = False) -> Data:
    rng = np.random.default_rng(1)
    labels = np.zeros(rows, np.int64) if skew else np.arange(rows) % classes
    if skew:
        labels[: 20 * (classes - 1)] = np.repeat(np.arange(1, classes), 20)
    inputs = {"x": np.concatenate([rng.random((rows, 2)), labels[:, None]], axis=1).astype(np.float32)}
    split = Split(inputs, labels)
    return Data(split, split)


def test_many_rows_become_a_bounded_sample_the_same_each_time() -> None:
    first, second = calibration_rows(data(5000), SIGNATURE), calibration_rows(data(5000), SIGNATURE)
    assert first["x"].shape == (MAX_ROWS, 3) and first["x"].dtype == np.float32
    np.testing.assert_array_equal(first["x"], second["x"])


def test_few_rows_are_all_taken() -> None:
    given = data(40)
    np.testing.assert_array_equal(calibration_rows(given, SIGNATURE)["x"], given.train.inputs["x"])


def test_every_class_gives_as_many_rows_and_a_rare_one_all_it_has() -> None:
    labels = calibration_rows(data(5000), SIGNATURE)["x"][:, 2]
    assert list(np.bincount(labels.astype(int))) == [64, 64, 64, 64]
    rare = calibration_rows(data(5000, skew=True), SIGNATURE)["x"][:, 2]
    assert list(np.bincount(rare.astype(int))) == [MAX_ROWS - 60, 20, 20, 20]


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(BadDataError, match="y_train holds class 0 alone; wanted rows of every class"):
        calibration_rows(data(50, classes=1), SIGNATURE)


def test_all_problems_are_told_at_once() -> None:
    split = Split({"x": np.ones((5, 3), np.float32)}, np.zeros(5, np.int64))
    with pytest.raises(BadDataError) as caught:
        calibration_rows(Data(split, split), SIGNATURE)
    text = str(caught.value)
    assert "3 problems" in text
    assert "5 training rows; wanted 8 or more" in text
    assert "class 0 alone" in text
    assert "input 'x' is 1.0 in all rows" in text


def test_nan_among_the_rows_is_refused() -> None:
    given = data(50)
    given.train.inputs["x"][3, 1] = np.nan
    with pytest.raises(BadDataError, match="input 'x' holds NaN"):
        calibration_rows(given, SIGNATURE)
