"""The user's data held against a model: everything that doesn't fit is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data import load_data
from export.errors import BadDataError
from export.signature import Signature, TensorInfo

SIGNATURE = Signature({"pixels": TensorInfo("uint8", (None, 2, 2))}, {"scores": TensorInfo("float32", (None, 3))})
TWO_INPUTS = Signature(
    {"age": TensorInfo("float32", (None, 1)), "job": TensorInfo("int32", (None,))},
    {"scores": TensorInfo("float32", (None, 3))},
)


def arrays(**changes: Any) -> dict[str, Any]:
    x = np.arange(16, dtype=np.uint8).reshape(4, 2, 2)
    y = np.array([0, 1, 2, 0])
    return {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2], **changes}


def save(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "data.npz"
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    return path


def test_fitting_data_is_taken_as_it_is(tmp_path: Path) -> None:
    data = load_data(save(tmp_path, arrays()), SIGNATURE)
    assert data.train.inputs["pixels"].shape == (4, 2, 2)
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 1]


def test_a_model_of_several_inputs_takes_one_array_each(tmp_path: Path) -> None:
    content = {"y_train": np.array([0, 1]), "y_test": np.array([2])}
    for part, rows in (("train", 2), ("test", 1)):
        content[f"x_{part}.age"] = np.ones((rows, 1))
        content[f"x_{part}.job"] = np.ones(rows, np.int64)
    data = load_data(save(tmp_path, content), TWO_INPUTS)
    assert data.train.inputs["age"].dtype == np.float32
    assert data.train.inputs["job"].dtype == np.int32


def test_labels_may_be_left_out_of_both_parts(tmp_path: Path) -> None:
    data = load_data(save(tmp_path, arrays(y_train=None, y_test=None)), SIGNATURE)
    assert data.train.labels is None
    assert data.test.labels is None
    assert data.test.inputs["pixels"].shape == (2, 2, 2)


def test_without_labels_the_inputs_must_have_equally_many_rows(tmp_path: Path) -> None:
    content = {"x_train.age": np.ones((3, 1)), "x_train.job": np.ones(3, int)}
    content |= {"x_test.age": np.ones((2, 1)), "x_test.job": np.ones(1, int)}
    with pytest.raises(BadDataError, match="x_test: the inputs differ in rows: age 2, job 1"):
        load_data(save(tmp_path, content), TWO_INPUTS)


def test_no_rows_at_all_are_refused(tmp_path: Path) -> None:
    content = arrays(y_train=None, y_test=None, x_test=np.zeros((0, 2, 2), np.uint8))
    with pytest.raises(BadDataError, match="x_test is empty"):
        load_data(save(tmp_path, content), SIGNATURE)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    content = arrays(x_train=np.zeros((4, 3, 2), np.uint8), y_train=None, y_test=np.array([0.5, 1.0]))
    with pytest.raises(BadDataError) as caught:
        load_data(save(tmp_path, content), SIGNATURE)
    text = str(caught.value)
    assert "3 problems" in text
    assert "x_train: shape (4, 3, 2) doesn't fit (?, 2, 2) of input 'pixels'" in text
    assert "y_train is missing" in text
    assert "y_test: float64 (2,); wanted whole-number classes" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_test": np.zeros((2, 2, 2), np.float32)}, "x_test: dtype float32 can't stand for uint8"),
        ({"x_test": np.full((2, 2, 2), 300)}, r"x_test: values 300\.\.300 don't fit uint8"),
        ({"y_test": np.array([0, 1, 2])}, r"x_test \(pixels\) has 2 rows, y_test has 3 labels"),
        ({"y_train": np.array([0, 1, 2, 3])}, r"y_train: classes 0..3; the model has 0..2"),
        (
            {"y_train": np.array([0, 1, 2, 3])},
            "0..2; of a model whose outputs aren't classes leave y_train and y_test out",
        ),
        ({"y_train": np.array([0, 1, 2, -1])}, r"y_train: classes -1..2"),
        ({"x_test": np.zeros((0, 2, 2), np.uint8), "y_test": np.array([], int)}, "y_test is empty"),
        ({"x_train": np.array(["a"] * 4)}, "doesn't fit"),
        ({"y_train": np.array([0.5] * 4)}, "of a model whose outputs aren't classes leave y_train and y_test out"),
    ],
)
def test_a_single_problem_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadDataError, match=words):
        load_data(save(tmp_path, arrays(**changes)), SIGNATURE)


@pytest.mark.parametrize("shape", [(None,), (None, 1)])
def test_a_single_score_a_row_has_two_classes(tmp_path: Path, shape: tuple[int | None, ...]) -> None:
    signature = Signature(SIGNATURE.inputs, {"score": TensorInfo("float32", shape)})
    with pytest.raises(BadDataError, match=r"y_train: classes 0..2; the model has 0..1; of a model .* leave y_train"):
        load_data(save(tmp_path, arrays(y_test=np.array([0, 1]))), signature)
    load_data(save(tmp_path, arrays(y_train=np.array([0, 1, 1, 0]), y_test=np.array([0, 1]))), signature)


def test_a_model_that_answers_whole_numbers_has_as_many_classes_as_it_likes(tmp_path: Path) -> None:
    signature = Signature(SIGNATURE.inputs, {"class": TensorInfo("int64", (None,))})
    assert load_data(save(tmp_path, arrays(y_train=np.array([0, 7, 1, 9]))), signature).train.labels is not None


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    signature = Signature({"x": TensorInfo("float32", (None, 1))}, SIGNATURE.outputs)
    bad = arrays(x_train=np.array([[1.0], [np.nan], [0], [0]]), x_test=np.ones((2, 1)))
    with pytest.raises(BadDataError, match="x_train: holds NaN or infinity"):
        load_data(save(tmp_path, bad), signature)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="no such file"):
        load_data(tmp_path / "none.npz", SIGNATURE)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(b"PK\x03\x04 half an archive")
    with pytest.raises(BadDataError, match=r"can't be read as an \.npz"):
        load_data(path, SIGNATURE)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = save(tmp_path, arrays(x_train=np.array([{"a": 1}] * 4, dtype=object)))
    with pytest.raises(BadDataError, match="can't be read"):
        load_data(path, SIGNATURE)
