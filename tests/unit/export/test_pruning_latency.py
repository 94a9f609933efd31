"""The search for widths by latency: it ends within its bounds, cuts what pays, and says when it can't reach the aim."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from export.pruning.groups import Group
from export.pruning.latency import MAX_HALVINGS, MAX_PROBES, LatencySearch, Measure, allocate_by_latency

FIXED = 0.1  # of the first latency: what no cut takes away


def groups_of(*widths: int) -> list[Group]:
    return [
        Group((f"layer{i}",), (tuple(range(1000 * i, 1000 * i + width)),), width, 16) for i, width in enumerate(widths)
    ]


def even_scores(groups: Sequence[Group]) -> dict[int, float]:
    return {root: 1.0 for group in groups for root in group.roots}


def linear(first: Sequence[Group], shares: Sequence[float]) -> Measure:
    """A latency to which each group adds its share, in proportion to its width."""

    def measure(groups: Sequence[Group]) -> float:
        return FIXED + sum(
            (1 - FIXED) * share * group.keep / before.width
            for share, group, before in zip(shares, groups, first, strict=True)
        )

    return measure


def search(
    groups: list[Group], shares: Sequence[float], ratio: float, scores: dict[int, float] | None = None
) -> LatencySearch:
    widths = [group.width for group in groups]
    return allocate_by_latency(groups, widths, ratio, scores or even_scores(groups), linear(groups, shares))


def test_channels_go_where_they_cost_most() -> None:
    found = search(groups_of(128, 128), [0.9, 0.1], 0.4)
    assert [group.keep for group in found.groups] == [64, 128]
    assert found.is_reached and found.reached_ratio <= 0.6


def test_importance_is_weighed_against_latency() -> None:
    groups = groups_of(128, 128)
    scores = {root: 100.0 if root < 1000 else 1.0 for group in groups for root in group.roots}
    found = search(groups, [0.6, 0.4], 0.2, scores)
    assert found.groups[0].keep == 128 and found.groups[1].keep < 128


def test_an_aim_out_of_reach_ends_at_the_narrowest_widths_and_is_told() -> None:
    found = search(groups_of(64, 32), [0.5, 0.5], 0.95)
    assert not found.is_reached
    assert [group.keep for group in found.groups] == [16, 16]
    assert found.reached_ratio == found.measured[-1].latency_ratio > 0.05


def test_what_is_already_fast_enough_is_left_as_it_is() -> None:
    found = search(groups_of(64), [1.0], 0.0)
    assert [group.keep for group in found.groups] == [64]
    assert found.measured == []


def test_a_later_round_starts_from_what_the_cut_model_takes() -> None:
    first, cut = groups_of(128, 128), groups_of(64, 128)
    found = allocate_by_latency(cut, [128, 128], 0.4, even_scores(cut), linear(first, [0.9, 0.1]))
    assert [one.purpose for one in found.measured] == ["as it is"] and found.is_reached


def test_groups_that_cannot_be_cut_cost_no_probe() -> None:
    found = search(groups_of(16, 64), [0.5, 0.5], 0.2)
    assert not any(one.purpose == "group 0 alone" for one in found.measured)


def test_where_widths_change_nothing_the_search_still_ends() -> None:
    groups = groups_of(64, 64)
    found = allocate_by_latency(groups, [64, 64], 0.5, even_scores(groups), lambda _: 1.0)
    assert not found.is_reached and found.reached_ratio == 1.0


@given(
    st.lists(st.tuples(st.sampled_from([16, 32, 64, 256, 1024]), st.floats(0, 1)), min_size=1, max_size=20),
    st.floats(0, 0.99),
    st.integers(0, 2**32),
)
def test_the_search_is_bounded_and_true_to_its_last_measurements_in_any_noise(
    layers: list[tuple[int, float]], ratio: float, seed: int
) -> None:
    groups = groups_of(*(width for width, _ in layers))
    noise = random.Random(seed)
    exact = linear(groups, [share for _, share in layers])
    found = allocate_by_latency(
        groups, [group.width for group in groups], ratio, even_scores(groups),
        lambda tried: exact(tried) * noise.uniform(0.7, 1.4),
    )  # fmt: skip
    assert len(found.measured) <= MAX_PROBES + MAX_HALVINGS + 2
    chosen = tuple(group.keep for group in found.groups)
    told = [one.latency_ratio for one in found.measured if one.widths == chosen]
    assert found.reached_ratio in (told if chosen != tuple(group.width for group in groups) else [1.0, *told])
    assert all(16 <= group.keep <= group.width for group in found.groups)
