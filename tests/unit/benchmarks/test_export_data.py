"""The data of the export sitting: nothing held out is ever learned from, and it is the same every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.export_data import COPIES, STEPS, TRAIN_IMAGES, WAVES, Task, digit_halves, digit_images, waveforms
from benchmarks.export_models import KINDS
from benchmarks.export_train import arrays

TASKS = (digit_images, digit_halves, waveforms)


@pytest.fixture(scope="module", params=TASKS, ids=lambda make: make.__name__)
def task(request: pytest.FixtureRequest) -> Task:
    made: Task = request.param()
    return made


def rows_as_bytes(task: Task, part: str) -> list[bytes]:
    rows = task.train if part == "train" else task.test
    return [
        b"".join(np.ascontiguousarray(values[row]).tobytes() for values in rows.inputs.values())
        for row in range(len(rows.labels))
    ]


def test_no_held_out_image_or_waveform_is_learned_from_nor_a_copy_of_it(task: Task) -> None:
    assert not set(task.train.sources) & set(task.test.sources)
    assert len(set(task.test.sources)) == len(task.test.labels)


def test_no_held_out_row_equals_one_to_learn_from(task: Task) -> None:
    assert not set(rows_as_bytes(task, "train")) & set(rows_as_bytes(task, "test"))


def test_a_thousand_rows_or_more_are_held_out_of_every_class(task: Task) -> None:
    assert len(task.test.labels) >= 1000
    assert set(task.test.labels) == set(task.train.labels)
    assert np.bincount(task.test.labels).min() >= 80


def test_rows_are_finite_float32_with_one_label_and_one_source_each(task: Task) -> None:
    for rows in (task.train, task.test):
        assert len(rows.labels) == len(rows.sources)
        for values in rows.inputs.values():
            assert values.dtype == np.float32
            assert len(values) == len(rows.labels)
            assert np.isfinite(values).all()


@pytest.mark.parametrize("make", TASKS, ids=lambda make: make.__name__)
def test_the_same_seed_makes_the_same_rows_and_another_one_others(make: Callable[[int], Task]) -> None:
    first, again, other = make(5), make(5), make(6)
    assert rows_as_bytes(first, "train") == rows_as_bytes(again, "train")
    assert rows_as_bytes(first, "test") == rows_as_bytes(again, "test")
    assert rows_as_bytes(first, "test") != rows_as_bytes(other, "test")


def test_copies_have_the_label_of_the_image_they_were_made_from() -> None:
    train = digit_images().train
    assert len(train.labels) == TRAIN_IMAGES * (COPIES + 1)
    own = dict(zip(train.sources[:TRAIN_IMAGES], train.labels[:TRAIN_IMAGES], strict=True))
    assert [own[source] for source in train.sources] == list(train.labels)


def test_held_out_images_are_the_real_ones_only_enlarged() -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    test = digit_images().test
    assert list(test.labels) == list(labels[test.sources])
    real = pixels[test.sources].reshape(-1, 8, 8) / 16
    blocks = test.inputs["image"][..., 0].reshape(-1, 8, 4, 8, 4)
    middles = blocks[:, :, 1:3, :, 1:3].mean(axis=(2, 4))  # between the four middle pixels lies the real one
    inner = (slice(None), slice(1, 7), slice(1, 7))
    assert np.corrcoef(middles[inner].ravel(), real[inner].ravel())[0, 1] > 0.99


def test_images_and_halves_hold_out_the_same_digits() -> None:
    assert list(digit_images().test.sources) == list(digit_halves().test.sources)


def test_shapes_are_those_the_models_take() -> None:
    assert digit_images().test.inputs["image"].shape == (1047, 32, 32, 1)
    assert {alias: rows.shape for alias, rows in digit_halves().test.inputs.items()} == {
        "upper": (1047, 32),
        "lower": (1047, 32),
    }
    waves = waveforms().test
    assert waves.inputs["wave"].shape == (1200, STEPS, 1)
    assert waves.labels.max() == len(WAVES) - 1


def test_the_file_of_data_has_the_names_that_an_export_wants(task: Task) -> None:
    found = arrays(task)
    wanted = ["x"] if len(task.test.inputs) == 1 else ["x.upper", "x.lower"]
    names = {name.replace("x", f"x_{part}", 1) for name in wanted for part in ("train", "test")}
    assert found.keys() == names | {"y_train", "y_test"}
    assert found["y_test"] is task.test.labels


def test_every_model_has_a_task_and_a_name_of_its_own() -> None:
    assert all(kind.name == name and kind.task in TASKS for name, kind in KINDS.items())
    assert len({kind.title for kind in KINDS.values()}) == len(KINDS) == 5
