"""Channel numbers through operations on several tensors and through rows of another length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.channels import Channels
from export.pruning.passing import joined, reshaped, row_length, tied, width


@pytest.mark.parametrize(("shape", "channels"), [((None, 4, 8), 8), ((None,), 0), ((None, None), 0), ((), 0)])
def test_channels_are_the_last_axis_of_what_has_one(shape: tuple[int | None, ...], channels: int) -> None:
    assert width(shape) == channels


def test_channels_that_meet_one_by_one_stay_or_go_together() -> None:
    channels = Channels()
    left, right = channels.new(3), channels.new(3)
    given_out = tied(channels, [left, right])
    assert not isinstance(given_out, str)
    assert channels.roots(left).tolist() == channels.roots(right).tolist() == channels.roots(given_out).tolist()


def test_one_channel_that_meets_all_of_them_must_stay_and_they_may_go() -> None:
    channels = Channels()
    gate, others = channels.new(1), channels.new(3)
    given_out = tied(channels, [gate, others])
    assert not isinstance(given_out, str)
    assert given_out.tolist() == others.tolist()
    assert channels.protected_roots() == {channels.root(int(gate[0]))}


def test_channels_that_cannot_meet_are_not_followed() -> None:
    channels = Channels()
    assert tied(channels, [channels.new(2), channels.new(3)]) == "its inputs' channels don't meet one by one"
    assert tied(channels, [channels.new(0), channels.new(3)]) == "its inputs' channels don't meet one by one"


@pytest.mark.parametrize("axis", [-1, 2])
def test_joined_channels_stand_side_by_side(axis: int) -> None:
    channels = Channels()
    left, right = channels.new(2), channels.new(3)
    given_out = joined(channels, [left, right], axis, rank=3)
    assert not isinstance(given_out, str)
    assert given_out.tolist() == [*left.tolist(), *right.tolist()]


def test_channels_of_tensors_joined_along_positions_are_tied() -> None:
    channels = Channels()
    left, right = channels.new(3), channels.new(3)
    joined(channels, [left, right], axis=1, rank=3)
    assert channels.roots(left).tolist() == channels.roots(right).tolist()


def test_a_join_of_an_unknown_width_is_not_followed() -> None:
    channels = Channels()
    assert joined(channels, [channels.new(0), channels.new(3)], -1, rank=3) == "the width of its inputs is not known"


@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 6), st.data())
def test_reshaped_values_without_the_removed_channels_are_the_smaller_tensor_reshaped(
    rows: int, times: int, small: int, data: st.DataObject
) -> None:
    """Fold or split rows: taking channels away before or after makes the same tensor."""
    wide = small * times
    before_width, after_width = data.draw(st.sampled_from([(small, wide), (wide, small)]))
    channels = Channels()
    ids = channels.new(before_width)
    values = np.arange(rows * wide * small).reshape(-1, before_width)
    given_out = reshaped(channels, ids, after_width)
    assert not isinstance(given_out, str)
    removed = {channels.root(channel) for channel in data.draw(st.sets(st.sampled_from(ids.tolist())))}
    kept, kept_out = channels.kept(ids, removed), channels.kept(given_out, removed)
    if kept.any():
        smaller = values[:, kept].reshape(-1, int(kept_out.sum()))
        np.testing.assert_array_equal(smaller, values.reshape(-1, after_width)[:, kept_out])


@pytest.mark.parametrize(
    ("count", "given_width", "reason"),
    [
        (32, 24, "it puts 32 channels into rows of 24, so they don't stay apart"),
        (8, 1, "it puts 8 channels into rows of 1, so they don't stay apart"),
        (0, 8, "its size is not known"),
        (8, 0, "its size is not known"),
    ],
)
def test_rows_that_mix_channels_are_not_followed(count: int, given_width: int, reason: str) -> None:
    channels = Channels()
    assert reshaped(channels, channels.new(count), given_width) == reason


@pytest.mark.parametrize(
    ("config", "length"),
    [({"target_shape": (4, 8)}, 8), ({"target_shape": (4, -1)}, -1), ({"newshape": (-1, 4, 16)}, 16)],
)
def test_a_reshape_names_the_length_of_its_rows_as_layer_and_as_operation(
    config: dict[str, tuple[int, ...]], length: int
) -> None:
    assert row_length(config) == length
