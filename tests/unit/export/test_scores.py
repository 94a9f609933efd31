"""Raw scores and probabilities are told apart by a model's answers."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from export.scores import are_probabilities, are_raw, threshold_of


def test_shares_that_sum_to_1_are_probabilities() -> None:
    assert are_probabilities(np.array([[0.2, 0.8], [1.0, 0.0]]))
    assert not are_probabilities(np.array([[2.0, -1.0]]))
    assert not are_probabilities(np.array([[0.2, 0.3]]))
    assert not are_probabilities(np.array([[0], [1]]))
    assert not are_probabilities(np.array([[1.0], [1.0]]))


def test_many_shares_in_bfloat16_are_probabilities_too() -> None:
    assert are_probabilities(np.full((1, 1024), 1 / 1024, ml_dtypes.bfloat16))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize(
    ("scores", "threshold"),
    [([0.0, 1.0], 0.5), ([0.6, -0.1], 0.0), ([0.6, 1.1], 0.0), ([0.6, np.inf], 0.0), ([0.6, np.nan], 0.5)],
)
def test_one_score_outside_0_to_1_makes_a_single_score_raw(
    shape: tuple[int, ...], scores: Any, threshold: float
) -> None:
    assert threshold_of(np.array(scores).reshape(shape)) == threshold


def test_raw_scores_are_neither_shares_nor_one_share() -> None:
    assert are_raw(np.array([[0.2, 0.3]])) and are_raw(np.array([[2.0], [0.5]]))
    assert not are_raw(np.array([[0.2, 0.8]])) and not are_raw(np.array([[0.2], [0.3]]))
