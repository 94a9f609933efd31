"""When answers count as different: one table for every precision, and a measure that no NaN slips through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export.options import Precision
from export.tolerance import TOLERANCES, coarsest_arithmetic, difference_ratio, is_discrete, tolerance_of


def test_every_precision_has_its_bounds_and_none_is_looser_on_neighbours_than_on_the_source() -> None:
    assert set(TOLERANCES) == set(Precision)
    assert all(0 < one.rows <= one.source < 1 for one in TOLERANCES.values())
    assert [precision for precision, one in TOLERANCES.items() if not one.is_lossy] == [Precision.FLOAT32]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([10.0, 1.0], [10.0, 0.0], 0.1),
        ([-4.0, 0.0], [-4.0, 1.0], 0.25),
        ([np.nan, 2.0], [np.nan, 1.0], 1.0),
        ([np.inf, 1.0], [np.inf, 1.0], 0.0),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([np.inf, 1.0], [5.0, 1.0], np.inf),
        ([np.nan, 1.0], [0.0, 1.0], np.inf),
        ([0.0], [0.0], 0.0),
        ([[1.0]], [1.0], np.inf),
        ([], [], 0.0),
        ([3, 7], [3, 7], 0.0),
        ([3, 7], [3, 6], np.inf),
        ([True], [False], np.inf),
    ],
)
def test_the_difference_is_a_share_of_the_largest_magnitude(left: Any, right: Any, expected: float) -> None:
    assert difference_ratio(np.array(left), np.array(right)) == pytest.approx(expected)


def test_texts_are_equal_or_not() -> None:
    words = np.array(["a", "b"], object)
    assert difference_ratio(words, np.array(["a", "b"])) == 0
    assert difference_ratio(words, np.array(["a", "c"], object)) == float("inf")
    assert is_discrete(words) and is_discrete(np.array([1])) and not is_discrete(np.array([1.0]))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ([], Precision.FLOAT32),
        (["float32", "float64", "string"], Precision.FLOAT32),
        (["float32", "float16"], Precision.FLOAT16),
        (["float16", "bfloat16", "float32"], Precision.BFLOAT16),
    ],
)
def test_the_coarsest_arithmetic_of_a_model_counts(dtypes: list[str], expected: Precision) -> None:
    assert coarsest_arithmetic(dtypes) is expected


def test_a_source_that_is_coarse_itself_is_held_to_its_own_arithmetic_and_no_version_to_less_than_its_precision() -> (
    None
):
    assert tolerance_of(Precision.FLOAT32, Precision.FLOAT32) == TOLERANCES[Precision.FLOAT32]
    assert tolerance_of(Precision.FLOAT32, Precision.BFLOAT16) == TOLERANCES[Precision.BFLOAT16]
    assert tolerance_of(Precision.INT8, Precision.FLOAT16) == TOLERANCES[Precision.INT8]
    assert tolerance_of(Precision.TFLITE_FLOAT16, Precision.FLOAT16) == TOLERANCES[Precision.TFLITE_FLOAT16].__class__(
        0.01, 0.02, True
    )
