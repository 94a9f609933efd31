"""Widths after pruning, and channels tied together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.channels import Channels
from export.pruning.groups import kept_count


@pytest.mark.parametrize(
    ("count", "ratio", "keep"),
    [
        (32, 0.5, 16),
        (64, 0.5, 32),
        (64, 0.3, 48),
        (128, 0.99, 16),
        (16, 0.5, 16),
        (8, 0.5, 8),
        (40, 0.1, 32),
        (40, 0, 40),
    ],
)
def test_convolutions_keep_multiples_of_16_and_never_less_than_16(count: int, ratio: float, keep: int) -> None:
    assert kept_count(count, ratio, is_dense=False) == keep


@pytest.mark.parametrize(("count", "ratio", "keep"), [(10, 0.5, 5), (30, 0.9, 3), (2, 0.99, 1), (32, 0.5, 16)])
def test_narrow_dense_layers_are_cut_to_the_share(count: int, ratio: float, keep: int) -> None:
    assert kept_count(count, ratio, is_dense=True) == keep


@given(st.integers(1, 4096), st.floats(0, 1, exclude_max=True), st.booleans())
def test_something_always_stays_and_nothing_is_added(count: int, ratio: float, is_dense: bool) -> None:
    assert 1 <= kept_count(count, ratio, is_dense) <= count


@given(st.integers(1, 4096), st.booleans())
def test_ratio_0_keeps_everything(count: int, is_dense: bool) -> None:
    assert kept_count(count, 0, is_dense) == count


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
