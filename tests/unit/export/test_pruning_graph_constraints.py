"""Equal numbers of each part: which wishes become partitions, and which protect their channels, with the reason."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.channels import Channels, Ids
from export.pruning.constraints import Asked, Partition, makers_of, settle

PREFIX = "its groups need equally many channels each, and "


def parts_of(ids: Ids, count: int) -> tuple[Ids, ...]:
    return tuple(ids.reshape(count, -1))


def settled(channels: Channels, made: dict[int, Ids], *asked: Asked) -> tuple[list[Partition], dict[str, str]]:
    protected: dict[str, str] = {}
    return settle(channels, made, asked, protected), protected


def test_a_wish_becomes_a_partition_of_roots() -> None:
    channels = Channels()
    ids = channels.new(6)
    found, protected = settled(channels, {1: ids}, Asked("conv", parts_of(ids, 3)))
    assert found == [Partition(((0, 1), (2, 3), (4, 5)), ("conv",))]
    assert protected == {}


def test_wishes_of_the_same_channels_are_kept_by_the_finer_parts() -> None:
    channels = Channels()
    ids, tied_to_them = channels.new(8), channels.new(8)
    channels.tie(tied_to_them, ids)
    wishes = Asked("halves", parts_of(ids, 2)), Asked("quarters", parts_of(tied_to_them, 4))
    found, protected = settled(channels, {1: ids, 2: tied_to_them}, *wishes)
    assert found == [Partition(((0, 1), (2, 3), (4, 5), (6, 7)), ("halves", "quarters"))]
    assert protected == {}


def test_wishes_that_cut_at_different_places_protect_the_channels() -> None:
    channels = Channels()
    ids = channels.new(12)
    found, protected = settled(channels, {1: ids}, Asked("halves", parts_of(ids, 2)), Asked("thirds", parts_of(ids, 3)))
    assert found == []
    assert protected == {"thirds": "its groups and those of halves cut the same channels at different places"}
    assert channels.protected_roots() == set(range(12))


def test_parts_made_by_different_layers_are_protected() -> None:
    channels = Channels()
    left, right = channels.new(4), channels.new(4)
    wish = Asked("norm", parts_of(np.concatenate([left, right]), 2))
    assert settled(channels, {1: left, 2: right}, wish) == ([], {"norm": PREFIX + "different layers make them"})
    assert channels.protected_roots() == set(range(8))


def test_parts_that_are_not_all_that_a_layer_makes_are_protected() -> None:
    channels = Channels()
    ids = channels.new(8)
    found = settled(channels, {1: ids}, Asked("norm", parts_of(ids[:4], 2)))
    assert found == ([], {"norm": PREFIX + "different layers make them"})


def test_a_channel_that_must_stay_holds_the_others() -> None:
    channels = Channels()
    ids = channels.new(4)
    channels.protect(ids[:1])
    found = settled(channels, {1: ids}, Asked("norm", parts_of(ids, 2)))
    assert found == ([], {"norm": PREFIX + "some of these must stay"})


def test_a_channel_protected_for_one_wish_spoils_another_that_was_fine() -> None:
    channels = Channels()
    shared, other = channels.new(4), channels.new(4)
    fine = Asked("fine", parts_of(shared, 2))
    spoilt = Asked("spoilt", parts_of(np.concatenate([shared, other]), 2))
    found, protected = settled(channels, {1: shared, 2: other}, fine, spoilt)
    assert found == []
    assert list(protected) == ["spoilt"]
    assert channels.protected_roots() == set(range(8))


def test_parts_of_one_channel_cannot_lose_equally_many() -> None:
    channels = Channels()
    ids = channels.new(4)
    found = settled(channels, {1: ids}, Asked("conv", parts_of(ids, 4)))
    assert found == ([], {"conv": "each of its groups has one channel only"})


def test_the_same_channels_twice_lose_equally_many_by_themselves() -> None:
    channels = Channels()
    ids = channels.new(4)
    assert settled(channels, {1: ids}, Asked("norm", (ids, ids))) == ([], {})
    assert channels.protected_roots() == set()


def test_a_channel_in_several_places_of_a_part_is_protected() -> None:
    channels = Channels()
    ids = channels.new(2)
    wish = Asked("norm", (ids[[0, 0]], ids[[0, 1]]))
    assert settled(channels, {1: ids}, wish) == ([], {"norm": PREFIX + "one channel is in several places"})


def test_a_wish_for_what_is_protected_anyway_is_no_news() -> None:
    channels = Channels()
    ids = channels.new(4)
    channels.protect(ids)
    assert settled(channels, {1: ids}, Asked("norm", parts_of(ids, 2))) == ([], {})


def test_the_makers_of_a_channel_are_those_of_all_tied_to_it() -> None:
    channels = Channels()
    left, right, held = channels.new(2), channels.new(2), channels.new(1)
    channels.tie(left[:1], right[:1])
    channels.protect(held)
    root = channels.root(int(left[0]))
    found = makers_of(channels, {7: left, 9: right, 8: held})
    assert found == {root: (7, 9), int(left[1]): (7,), int(right[1]): (9,)}


@given(st.lists(st.sampled_from([1, 2, 3, 4, 6, 12]), min_size=1, max_size=3), st.data())
def test_whatever_is_settled_each_wish_loses_equally_many_of_each_part(counts: list[int], data: st.DataObject) -> None:
    channels = Channels()
    ids = channels.new(24)
    wishes = [Asked(f"norm {count}", parts_of(ids, count)) for count in counts]
    found, _ = settled(channels, {1: ids}, *wishes)
    removed = set()
    for partition in found:
        rows = data.draw(st.integers(0, len(partition.parts[0]) - 1))
        removed = {root for part in partition.parts for root in data.draw(st.permutations(part))[:rows]}
    for wish in wishes:
        kept = [int(channels.kept(part, removed).sum()) for part in wish.parts]
        assert len(set(kept)) == 1
    for one, other in combinations(found, 2):
        assert not {r for part in one.parts for r in part} & {r for part in other.parts for r in part}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_nested_wishes_does_not_matter(order: tuple[int, int]) -> None:
    channels = Channels()
    ids = channels.new(8)
    wishes = [Asked("halves", parts_of(ids, 2)), Asked("quarters", parts_of(ids, 4))]
    found, protected = settled(channels, {1: ids}, *(wishes[place] for place in order))
    assert [sorted(part) for part in found[0].parts] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert protected == {}
