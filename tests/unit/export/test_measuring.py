"""Figures and their words: classes of scores, differences, gains, rows to try a model with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.measure import predicted_classes, size_on_disk
from export.report import gain, report_rows
from export.runtime import shape_problem
from export.sample import sample_rows
from export.signature import Signature, TensorInfo
from export.verify import difference_ratio


def test_the_highest_of_several_scores_is_the_class() -> None:
    assert predicted_classes(np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3]])).tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_score_a_row_is_class_1_from_a_half_on(shape: tuple[int, ...]) -> None:
    assert predicted_classes(np.array([0.49, 0.5, 1.0]).reshape(shape)).tolist() == [0, 1, 1]


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


@pytest.mark.parametrize(("ratio", "words"), [(2.1, "2.10 x smaller"), (0.5, "2.00 x larger"), (1.001, "the same")])
def test_a_gain_is_said_plainly(ratio: float, words: str) -> None:
    assert gain(ratio, "smaller", "larger") == words


def test_the_report_shows_the_source_only_where_it_was_measured() -> None:
    figures = {"size_bytes": 500_000, "parameters": None, "accuracy": None}
    latency = {"batch_1": {"median_us": 100.0, "baseline_median_us": 150.0, "speedup": 1.5}}
    rows = report_rows({**figures, "baseline": {**figures, "size_bytes": 1_000_000}, "latency": latency})
    assert rows[0] == ("size on disk", "0.50 MB", "1.00 MB", "2.00 x smaller")
    assert rows[2] == ("accuracy", "-", "-", "")
    assert rows[3] == ("latency, batch 1", "100 us", "150 us", "1.50 x faster")
    alone = report_rows({**figures, "baseline": None, "latency": latency})
    assert alone[0] == ("size on disk", "0.50 MB")


def test_size_counts_what_a_server_loads(tmp_path: Path) -> None:
    for name, size in (("saved_model.pb", 5), ("variables/v", 3), ("assets.extra/warm", 100), ("export.json", 50)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * size)
    assert size_on_disk(tmp_path) == 8


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
