"""Promises of batching/half.py: a failed join falls into two, in order; members may leave; failed joins take turns."""

from __future__ import annotations

import pytest

from gateway.batching.half import MAX_CULPRITS, Bisection, Half, Halves, halves
from gateway.batching.member import Member
from gateway.batching.window import Window
from tests.unit.gateway.batching.members import lane_in, member


class Left:
    """Hears who left."""

    def __init__(self) -> None:
        self.who: list[tuple[Half, Member]] = []

    def leave_half(self, half: Half, member: Member) -> None:
        self.who.append((half, member))


@pytest.mark.parametrize(("members", "sizes"), [(1, [1]), (2, [1, 1]), (3, [2, 1]), (64, [32, 32])])
def test_halves_are_neighbours_in_order_and_know_their_members(members: int, sizes: list[int]) -> None:
    everyone, bisection = [member(1) for _ in range(members)], Bisection()
    made = halves(lane_in(Window()), everyone, bisection, Left())
    assert [len(half.members) for half in made] == sizes
    assert [each for half in made for each in half.members] == everyone
    assert all(each.holder is half for half in made for each in half.members)
    assert {half.bisection for half in made} == {bisection}


def test_a_caller_who_leaves_is_counted_and_a_piece_that_is_dropped_is_not() -> None:
    lane, queue, entry = lane_in(Window()), Left(), member(1)
    [half] = halves(lane, [entry], Bisection(), queue)
    half.drop(entry, False)
    assert lane.counters.cancelled == 0
    half.drop(entry, True)
    assert lane.counters.cancelled == 1
    assert queue.who == [(half, entry)] * 2


def queued(waiting: Halves, members: int, features: int, bisection: Bisection) -> list[Member]:
    """The members of a join that failed, whose halves wait."""
    everyone = [member(1) for _ in range(members)]
    waiting.add(halves(lane_in(Window(), features), everyone, bisection, Left()))
    return everyone


def test_failed_joins_take_turns_and_what_was_halved_last_goes_first() -> None:
    waiting, first, second = Halves(), Bisection(), Bisection()
    queued(waiting, 8, 1, first)
    queued(waiting, 2, 2, second)
    taken = [waiting.take(), waiting.take()]
    queued(waiting, 4, 1, first)  # of the half that was taken, which failed again
    taken += [waiting.take() for _ in range(4)]
    sizes = [(each.bisection is second, len(each.members)) for each in taken]
    assert sizes == [(False, 4), (True, 1), (False, 2), (True, 1), (False, 2), (False, 4)]
    assert (bool(waiting), len(waiting)) == (False, 0)


def test_after_a_few_culprits_whoever_is_left_goes_alone_in_order() -> None:
    waiting, bisection = Halves(), Bisection()
    everyone = queued(waiting, 6, 1, bisection)
    bisection.culprits = MAX_CULPRITS - 1
    assert waiting.take().members == everyone[:3]
    bisection.culprits = MAX_CULPRITS
    alone = [waiting.take().members for _ in range(3)]
    assert alone == [[each] for each in everyone[3:]]
    assert (bool(waiting), [each.holder for each in everyone]) == (False, [None] * 6)


def test_a_lane_has_halves_until_the_last_is_taken_or_removed() -> None:
    waiting = Halves()
    queued(waiting, 3, 1, Bisection())
    key = lane_in(Window(), 1).key
    taken = waiting.take()
    assert (taken.lane.key, waiting.has_of(key)) == (key, True)
    waiting.remove(waiting.all()[0])
    assert not waiting.has_of(key)
