"""How a ratio is spread over groups: in steps, cheapest first, never a group emptied."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.allocation import Cut, after, allocate_globally, cheapest_first, ladder, least_width
from export.pruning.groups import Group, least_important
from export.pruning.rounds import round_ratio


def group(start: int, width: int, step: int = 16, parts: int = 1) -> Group:
    roots = range(start, start + width)
    return Group((f"layer{start}",), tuple(tuple(roots[part::parts]) for part in range(parts)), width, step)


def rising(*groups: Group) -> dict[int, float]:
    """Scores 0, 1, 2 ... in the order of all roots."""
    return {root: float(place) for place, root in enumerate(sorted(root for one in groups for root in one.roots))}


@pytest.mark.parametrize(
    ("width", "first", "step", "least"),
    [(64, 64, 16, 16), (640, 640, 16, 64), (320, 640, 16, 64), (8, 8, 16, 8), (10, 10, 1, 1), (48, 640, 16, 48)],
)
def test_a_group_keeps_a_tenth_of_its_first_width_and_at_least_one_step(
    width: int, first: int, step: int, least: int
) -> None:
    assert least_width(group(0, width, step), first) == least


def test_a_ladder_goes_down_to_multiples_and_sums_what_is_lost() -> None:
    one = group(0, 40)
    cuts = ladder(3, one, 40, rising(one))
    assert [(cut.group, cut.keep, cut.channels) for cut in cuts] == [(3, 32, 8), (3, 16, 16)]
    assert [cut.loss for cut in cuts] == [sum(range(8)), sum(range(8, 24))]


def test_cuts_of_one_group_stay_in_order_however_cheap_the_later_ones_are() -> None:
    dear_first = [Cut(0, 32, 16, 9.0), Cut(0, 16, 16, 1.0)]
    other = [Cut(1, 16, 16, 5.0)]
    ordered = cheapest_first([dear_first, other], lambda cut: cut.loss)
    assert ordered == [other[0], *dear_first]


def test_the_global_allocation_cuts_where_channels_matter_least() -> None:
    weak, strong = group(0, 64), group(100, 64)
    chosen = allocate_globally([weak, strong], [64, 64], 0.25, rising(weak, strong))
    assert [one.keep for one in chosen] == [32, 64]


def test_the_global_allocation_counts_what_earlier_rounds_took() -> None:
    weak, strong = group(0, 32), group(100, 64)  # the weak one was 64 wide
    chosen = allocate_globally([weak, strong], [64, 64], 0.25, rising(weak, strong))
    assert [one.keep for one in chosen] == [32, 64]


@st.composite
def several(draw: st.DrawFn) -> tuple[list[Group], dict[int, float]]:
    """One to four groups of any width, step and number of parts, with scores."""
    groups, scores = [], {}
    for index in range(draw(st.integers(1, 4))):
        parts = draw(st.sampled_from([1, 2, 4]))
        step = math.lcm(2 * parts if parts > 1 else 1, draw(st.sampled_from([1, 8, 16])))
        groups.append(group(1000 * index, parts * draw(st.integers(1, 40)), step, parts))
        scores.update({root: draw(st.floats(0, 1)) for root in groups[-1].roots})
    return groups, scores


@given(several(), st.floats(0, 0.99))
def test_the_global_allocation_is_within_half_a_cut_of_the_ratio_or_at_its_limits(
    made: tuple[list[Group], dict[int, float]], ratio: float
) -> None:
    groups, scores = made
    widths = [one.width for one in groups]
    chosen = allocate_globally(groups, widths, ratio, scores)
    for one in chosen:
        assert least_width(one, one.width) <= one.keep <= one.width
        assert one.keep == one.width or (one.keep % one.step == 0 and one.keep % len(one.parts) == 0)
    gone = sum(one.width - one.keep for one in chosen)
    largest = max(
        (cut.channels for i, one in enumerate(groups) for cut in ladder(i, one, one.width, scores)), default=0
    )
    is_at_limit = all(one.keep == least_width(one, one.width) for one in chosen)
    assert gone == len(least_important(chosen, scores))
    assert gone <= ratio * sum(widths) + largest / 2
    assert is_at_limit or gone >= ratio * sum(widths) - largest / 2


def test_no_cuts_leave_every_group_whole() -> None:
    groups = [group(0, 64), group(100, 32)]
    assert [one.keep for one in after(groups, [])] == [64, 32]


@given(st.floats(0, 0.99), st.integers(1, 20))
def test_rounds_take_more_each_time_and_end_at_the_ratio(ratio: float, rounds: int) -> None:
    ratios = [round_ratio(ratio, number, rounds) for number in range(1, rounds + 1)]
    assert ratios[-1] == ratio
    assert ratios == pytest.approx(sorted(ratios)) and all(0 <= one <= ratio + 1e-12 for one in ratios)
