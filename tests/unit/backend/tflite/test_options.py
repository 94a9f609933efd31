"""Promises of backend.tflite.options: the flags mean what they mean to TensorFlow Serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.flags import parse
from backend.tflite.options import TFLiteOptions, is_tflite

BASE = "--model_base_path=/models/m"


def test_the_flags_have_tensorflow_servings_defaults() -> None:
    flags = parse([BASE])
    assert not flags.prefer_tflite_model
    assert flags.num_tflite_pools >= 1
    assert flags.num_tflite_interpreters_per_pool == 1
    assert parse([BASE, "--prefer_tflite_model"]).prefer_tflite_model


@pytest.mark.parametrize(("pools", "interpreters"), [(4, 4), (1, 1), (0, 1), (-3, 1)])
def test_there_is_one_interpreter_at_least(pools: int, interpreters: int) -> None:
    assert TFLiteOptions(pools, 1).interpreters == interpreters


@pytest.mark.parametrize(
    ("per_pool", "model_rows", "joins", "rows"),
    [(1, -1, False, 500), (0, -1, False, 500), (2, 1, True, 250), (3, -1, True, 167), (2, 32, True, 32)],
)
def test_more_interpreters_in_a_pool_mean_smaller_joined_batches(
    per_pool: int, model_rows: int, joins: bool, rows: int
) -> None:
    options = TFLiteOptions(2, per_pool)
    assert (options.is_joining, options.execution_rows(model_rows)) == (joins, rows)


def test_only_a_version_with_the_file_is_served_by_tensorflow_lite(tmp_path: Path) -> None:
    assert not is_tflite(str(tmp_path))
    (tmp_path / "model.tflite").touch()
    assert is_tflite(str(tmp_path))
