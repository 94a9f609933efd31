"""Intervals: as wide as the rows and rounds are few, and right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem, t

from export.gate.judge import Speed, speed_of
from export.gate.statistics import Floats, paired_difference, quartiles, share, speedups


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


def loads(
    rng: np.random.Generator, speed: float, count: int = 4, spread: float = 0.0
) -> tuple[list[list[Floats]], list[list[Floats]]]:
    """Rounds of `count` loads at two sizes of a version `speed` times as fast; each load has a bias of its own."""
    base, ours = [], []
    for _ in range(count):
        noise = [rng.lognormal(0, 0.3, 50) for _ in range(2)]  # meets both in a round alike
        bias = rng.lognormal(0, spread)
        base.append([one * rng.lognormal(0, 0.02, 50) for one in noise])
        ours.append([one * rng.lognormal(0, 0.02, 50) * bias / speed for one in noise])
    return base, ours


def test_a_speedup_is_the_loads_mean_ratio_of_medians_with_its_interval() -> None:
    base, ours = loads(np.random.default_rng(1), 2.0, spread=0.02)
    base = [[small, large * 40] for small, large in base]
    ours = [[small, large * 10] for small, large in ours]
    each, overall = speedups(base, ours)
    assert [one.value for one in each] == pytest.approx([2.0, 8.0], rel=0.1)
    assert overall.value == pytest.approx(4.0, rel=0.1)
    for one in (*each, overall):
        assert one.low <= one.value <= one.high
    assert 3.3 < overall.low < overall.high < 5.0


def test_the_interval_is_students_over_the_loads() -> None:
    ratios = np.array([1.1, 1.2, 1.3])
    _, overall = speedups([[[one] * 5] for one in ratios], [[[1.0] * 5]] * 3)
    expected = t.interval(0.95, 2, np.log(ratios).mean(), sem(np.log(ratios)))
    assert (overall.low, overall.high) == pytest.approx(tuple(np.exp(expected)))


def test_copies_whose_loads_differ_are_not_told_apart_however_many_rounds_are_run() -> None:
    rng = np.random.default_rng(2)
    found = [speedups(*loads(rng, 1.0, spread=0.03))[1] for _ in range(400)]
    apart = sum(not one.low <= 1 <= one.high for one in found)
    assert apart < 0.09 * len(found)  # 5 % by what an interval is; of rounds alone it would be nearly all
    assert not [one for one in found if speed_of(one) is not Speed.AS_FAST and abs(one.value - 1) < 0.04]
    assert sum(speed_of(one) is Speed.FASTER for one in found) <= 4


def test_a_gain_beyond_the_loads_differences_is_found() -> None:
    rng = np.random.default_rng(3)
    found = [speed_of(speedups(*loads(rng, 1.25, spread=0.02))[1]) for _ in range(100)]
    assert found.count(Speed.FASTER) >= 95


def test_quartiles_come_with_the_median_first() -> None:
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 2.0, 4.0)
