"""What is known of a replica, and which version clients see when replicas differ."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest

from gateway.upstream.replica import AVAILABLE, END, VersionState, highest_common, less_busy, two_of
from tests.unit.gateway.upstream.fakes import make_replica


def test_learning_tells_whether_the_available_versions_changed() -> None:
    replica, _ = make_replica("a", [1])
    assert not replica.learn("digits", {1: VersionState(AVAILABLE), 2: VersionState(20)})
    assert replica.learn("digits", {1: VersionState(END, "why"), 2: VersionState(AVAILABLE)})
    assert replica.available("digits") == {2}
    assert replica.states("digits")[1] == VersionState(END, "why")


def test_a_version_takes_traffic_only_where_it_is_available_and_the_replica_up_and_in_use() -> None:
    replica, _ = make_replica("a", [1])
    assert (replica.serves("digits", 1), replica.serves("digits", 2), replica.serves("other", None)) == (
        True,
        False,
        True,
    )
    replica.in_use = False
    assert not replica.serves("digits", 1)
    replica.in_use, replica.up = True, False
    assert not replica.serves("digits", None)


def test_a_lost_replica_is_known_for_nothing_and_looked_at_again() -> None:
    replica, _ = make_replica("a", [1])
    pokes: list[int] = []
    replica.poke = lambda: pokes.append(1)
    replica.forget("digits", 1)
    assert replica.available("digits") == frozenset()
    replica.lost()
    assert (replica.up, replica.states("digits"), len(pokes)) == (False, {}, 2)


def test_a_model_that_does_not_exist_leaves_nothing_behind() -> None:
    replica, _ = make_replica("a", [1])
    replica.drop("digits")
    assert (replica.available("digits"), replica.states("digits")) == (frozenset(), {})


@pytest.mark.parametrize(
    ("having", "wanted"),
    [
        ([[1, 2], [1]], 1),  # the highest that all have
        ([[2], [1]], 2),  # none in common: the highest anywhere, as waiting would fail calls
        ([[1], []], 1),  # one that has nothing yet decides nothing
        ([[], []], None),
        ([], None),
    ],
)
def test_the_version_that_clients_follow(having: list[list[int]], wanted: int | None) -> None:
    replicas = [make_replica(str(index), versions)[0] for index, versions in enumerate(having)]
    assert highest_common(replicas, "digits", None) == wanted
    assert highest_common(replicas, "digits", 9) == wanted  # one that is nowhere any more is not held on to


def test_clients_stay_with_their_version_while_one_replica_of_three_has_moved_on() -> None:
    replicas = [make_replica(name, versions)[0] for name, versions in (("a", [2]), ("b", [1]), ("c", [1]))]
    assert highest_common(replicas, "digits", 1) == 1
    assert highest_common(replicas[:1], "digits", 1) == 2


def test_replicas_that_are_down_or_leaving_do_not_hold_a_version_back() -> None:
    up, down, leaving = (make_replica(name, versions)[0] for name, versions in (("a", [1, 2]), ("b", [1]), ("c", [1])))
    down.up, leaving.in_use = False, False
    assert highest_common([up, down, leaving], "digits", 1) == 2


def test_of_two_the_less_busy_one_is_picked() -> None:
    busy, idle = make_replica("a")[0], make_replica("b")[0]
    busy.in_flight = 5
    assert {less_busy([busy, idle], random.Random(seed)).address for seed in range(20)} == {"b"}
    assert less_busy([busy], random.Random(0)) is busy


def test_of_several_replicas_every_pair_is_picked_as_often_as_any_other() -> None:
    replicas, chance = [make_replica(name)[0] for name in "abc"], random.Random(7)
    picked = Counter(tuple(replica.address for replica in two_of(replicas, chance)) for _ in range(6000))
    assert picked.keys() == set(permutations("abc", 2))
    assert all(900 < count < 1100 for count in picked.values())
