"""Widths after pruning, channels tied together, and what of a group goes first."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.channels import Channels
from export.pruning.groups import Group, kept_count, least_important, removal_order, width_step


@pytest.mark.parametrize(
    ("count", "ratio", "multiple", "keep"),
    [
        (32, 0.5, 16, 16),
        (64, 0.5, 16, 32),
        (64, 0.3, 16, 48),
        (128, 0.99, 16, 16),
        (16, 0.5, 16, 16),
        (8, 0.5, 16, 8),
        (40, 0.1, 16, 32),
        (40, 0, 16, 40),
        (8, 0.5, 4, 4),
        (64, 0.3, 8, 48),
        (64, 0.3, 1, 45),
    ],
)
def test_convolutions_keep_a_multiple_and_never_less_than_one(
    count: int, ratio: float, multiple: int, keep: int
) -> None:
    assert kept_count(count, ratio, width_step(count, is_dense=False, multiple=multiple)) == keep


@pytest.mark.parametrize(("count", "ratio", "keep"), [(10, 0.5, 5), (30, 0.9, 3), (2, 0.99, 1), (32, 0.5, 16)])
def test_narrow_dense_layers_are_cut_to_the_share(count: int, ratio: float, keep: int) -> None:
    assert kept_count(count, ratio, width_step(count, is_dense=True)) == keep


@given(st.integers(1, 4096), st.floats(0, 1, exclude_max=True), st.booleans(), st.integers(1, 512))
def test_something_always_stays_and_nothing_is_added(count: int, ratio: float, is_dense: bool, multiple: int) -> None:
    assert 1 <= kept_count(count, ratio, width_step(count, is_dense, multiple)) <= count


@given(st.integers(1, 4096), st.booleans())
def test_ratio_0_keeps_everything(count: int, is_dense: bool) -> None:
    assert kept_count(count, 0, width_step(count, is_dense)) == count


@given(st.integers(1, 64), st.integers(1, 8), st.floats(0, 1, exclude_max=True), st.integers(1, 32))
def test_what_stays_divides_among_equal_parts_of_at_least_two(
    per_part: int, parts: int, ratio: float, multiple: int
) -> None:
    count = per_part * parts
    step = width_step(count, is_dense=False, multiple=multiple, parts=parts)
    assert step % parts == 0 and step % multiple == 0
    keep = kept_count(count, ratio, step)
    assert keep % parts == 0
    assert keep >= min(count, 2 * parts if parts > 1 else 1)


@st.composite
def partitioned(draw: st.DrawFn) -> tuple[Group, dict[int, float]]:
    """A group of 1 to 4 equal parts, how many of it stay, and scores."""
    count, per_part = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    roots = list(range(100, 100 + count * per_part))
    parts = tuple(tuple(roots[part::count]) for part in range(count))
    keep = draw(st.integers(1, per_part)) * count
    scores = {root: draw(st.floats(0, 9)) for root in roots}
    return Group(("conv",), parts, keep, count), scores


@given(partitioned())
def test_each_part_loses_its_least_important_and_equally_many(made: tuple[Group, dict[int, float]]) -> None:
    group, scores = made
    removed = least_important([group], scores)
    assert group.width - len(removed) == group.keep
    for part in group.parts:
        gone, stay = [root for root in part if root in removed], [root for root in part if root not in removed]
        assert len(stay) == group.keep // len(group.parts)
        assert max((scores[root] for root in gone), default=-math.inf) <= min(scores[root] for root in stay)


def test_roots_of_equal_importance_go_in_a_fixed_order() -> None:
    group = Group(("dense",), ((5, 3, 4),), 1, 1)
    assert removal_order(group, {3: 1.0, 4: 1.0, 5: 1.0}) == [(3,), (4,), (5,)]


def test_protection_reaches_channels_tied_before_and_after() -> None:
    channels = Channels()
    first, second, third, free = (channels.new(2) for _ in range(4))
    channels.tie(first, second)
    channels.protect(second)
    channels.tie(third, first)
    assert set(channels.roots(third).tolist()) <= channels.protected_roots()
    assert not set(channels.roots(free).tolist()) & channels.protected_roots()


def test_removing_a_root_removes_all_channels_tied_to_it() -> None:
    channels = Channels()
    left, right = channels.new(3), channels.new(3)
    channels.tie(left, right)
    gone = {channels.root(int(left[1]))}
    assert channels.kept(left, gone).tolist() == channels.kept(right, gone).tolist() == [True, False, True]
