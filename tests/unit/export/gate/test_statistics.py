"""Intervals: as wide as the rows and rounds are few, and right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.gate.statistics import paired_difference, quartiles, share, speedups


def test_a_share_has_wilsons_interval() -> None:
    # 81 of 263: 0.2553 to 0.3662 in Newcombe, Statistics in Medicine 17 (1998), table I.
    found = share(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_all_rows_right_is_not_certainty() -> None:
    assert share(10, 10).value == 1.0
    assert share(10, 10).low < 0.75
    assert share(1000, 1000).low > 0.99


@given(st.data())
def test_a_difference_lies_in_its_interval_and_the_interval_in_what_is_possible(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 5000))
    gained = data.draw(st.integers(0, rows))
    lost = data.draw(st.integers(0, rows - gained))
    found = paired_difference(gained, lost, rows)
    assert found.ratio.value == pytest.approx((gained - lost) / rows)
    assert -1 <= found.ratio.low <= found.ratio.value <= found.ratio.high <= 1
    assert 0 <= found.p_value <= 1


def test_no_row_changed_says_more_of_many_rows_than_of_few() -> None:
    few, many = paired_difference(0, 0, 10).ratio, paired_difference(0, 0, 10_000).ratio
    assert few.low < -0.2
    assert -0.001 < many.low < 0
    assert few.low == -few.high


def test_mcnemars_test_tells_a_loss_from_chance() -> None:
    assert paired_difference(5, 5, 100).p_value == 1.0
    assert paired_difference(0, 20, 100).p_value < 1e-4


def test_a_speedup_is_the_ratio_of_medians_with_its_interval() -> None:
    rng = np.random.default_rng(1)
    noise = rng.lognormal(0, 0.3, 200)  # meets both in a round alike
    ours = [0.001 * noise * rng.lognormal(0, 0.02, 200), 0.01 * noise * rng.lognormal(0, 0.02, 200)]
    base = [0.002 * noise * rng.lognormal(0, 0.02, 200), 0.08 * noise * rng.lognormal(0, 0.02, 200)]
    each, overall = speedups(base, ours)
    assert [one.value for one in each] == pytest.approx([2.0, 8.0], rel=0.05)
    assert overall.value == pytest.approx(4.0, rel=0.05)
    for one in (*each, overall):
        assert one.low <= one.value <= one.high
    assert overall.low > 3.5


def test_two_of_the_same_speed_are_not_told_apart() -> None:
    rng = np.random.default_rng(2)
    _, overall = speedups([rng.lognormal(0, 0.2, 100)], [rng.lognormal(0, 0.2, 100)])
    assert overall.low < 1 < overall.high


def test_quartiles_come_with_the_median_first() -> None:
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 2.0, 4.0)
