"""Promises of batching/rounds.py: equal shares of rows, a crowd is not starved by many lanes, debts are paid."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.batching.lane import Lane
from gateway.batching.policy import BatchPolicy
from gateway.batching.rounds import BATCH_COST, MAX_DEBTS, QUANTUM, Rounds
from gateway.batching.window import Window
from tests.unit.gateway.batching.members import lane_in, member

KEEPER = Window()


def lane_of(members: int, number: int = 1, rows: int = 1) -> Lane:
    """A lane that is in no window; `number` makes its key."""
    lane = lane_in(KEEPER, number, BatchPolicy(max_batch_size=10_000))
    for _ in range(members):
        lane.add(member(*([1.0] * rows)), 0)
    return lane


def entered(rounds: Rounds, *lanes: Lane) -> None:
    for lane in lanes:
        rounds.enter(lane)


def turns(rounds: Rounds, count: int, rows_of: dict[Lane, int]) -> list[Lane]:
    """Who goes, if every lane always has more and sends so many rows at a time."""
    gone = []
    for _ in range(count):
        lane = rounds.next_lane()
        rounds.charge(lane, rows_of[lane])
        gone.append(lane)
    return gone


def test_lanes_get_equal_shares_of_rows_not_of_batches() -> None:
    rounds, large, small = Rounds(), lane_of(1, 1), lane_of(1, 2)
    entered(rounds, large, small)
    cost = {large: 640, small: 64}
    gone = turns(rounds, 1000, cost)
    ratio = gone.count(small) * (64 + BATCH_COST) / (gone.count(large) * (640 + BATCH_COST))
    assert ratio == pytest.approx(1, abs=0.1)


def test_a_lane_of_small_batches_sends_several_in_its_turn() -> None:
    rounds, small, full = Rounds(), lane_of(1, 1), lane_of(1, 2)
    entered(rounds, small, full)
    gone = turns(rounds, 9, {small: 4, full: 64})
    assert gone == [small] * 4 + [full] + [small] * 4


def test_a_crowd_sends_as_much_as_all_lanes_of_single_callers_together() -> None:
    rounds, crowd = Rounds(), lane_of(64, 1)
    singles = [lane_of(1, number) for number in range(2, 300)]
    entered(rounds, *singles, crowd)
    rows = dict.fromkeys(singles, 1)
    rows[crowd] = 64
    gone = turns(rounds, 3000, rows)
    places = [place for place, lane in enumerate(gone) if lane is crowd]
    most_between = max(later - sooner for sooner, later in pairwise(places)) - 1
    assert places[0] <= 1
    assert most_between <= (64 + BATCH_COST) // (1 + BATCH_COST) + 1
    assert len(set(gone)) == 299  # and nobody else starves


def test_a_lane_moves_among_its_like_as_callers_come_and_go() -> None:
    rounds, lane, other = Rounds(), lane_of(1, 1), lane_of(1, 2)
    entered(rounds, lane, other)
    groups = []
    for _ in range(4):
        lane.add(member(1), 0)
        rounds.refile(lane)
        groups.append(lane.group)
    assert groups == [1, 1, 2, 2]
    lane.take(4)
    rounds.refile(lane)
    assert (lane.group, rounds.count) == (0, 2)


def test_a_group_that_comes_later_has_no_arrears_to_claim() -> None:
    rounds, first, second, crowd = Rounds(), lane_of(1, 1), lane_of(1, 2), lane_of(2, 3)
    entered(rounds, first, second)
    rows = {first: 64, second: 64, crowd: 64}
    turns(rounds, 100, rows)
    entered(rounds, crowd)
    assert turns(rounds, 100, rows).count(crowd) <= 51


def test_a_lane_alone_in_its_group_owes_its_last_batch_and_no_more() -> None:
    rounds, alone, crowd = Rounds(), lane_of(1, 1), lane_of(2, 2)
    entered(rounds, alone, crowd)
    turns(rounds, 100, {alone: 640, crowd: 640})
    assert alone.deficit >= -640 - BATCH_COST


def test_where_everyone_owes_many_turns_the_first_who_has_paid_goes() -> None:
    rounds, deep, less = Rounds(), lane_of(1, 1), lane_of(1, 2)
    entered(rounds, deep, less)
    assert turns(rounds, 4, {deep: 1_000_000, less: 500_000}) == [deep, less, less, deep]


def test_what_a_lane_owes_when_it_comes_empty_it_still_owes_when_it_is_back() -> None:
    rounds, large, small = Rounds(), lane_of(1, 1), lane_of(1, 2)
    entered(rounds, large, small)
    assert turns(rounds, 1, {large: 640}) == [large]
    rounds.leave(large)
    entered(rounds, large)
    assert large.deficit == QUANTUM + QUANTUM - 640 - BATCH_COST
    rounds.leave(large)
    assert turns(rounds, 100, {small: 64}) == [small] * 100
    entered(rounds, large)
    assert large.deficit == QUANTUM  # what others were served paid it


def test_a_lane_that_changes_groups_again_and_again_is_served_as_if_it_stayed() -> None:
    """Two hundred lanes of three or five callers, and one where a fourth comes and goes, timed to the turns or not."""
    for every in (1, 2, 3, 7, 20, 101):
        rounds, churning = Rounds(), lane_of(3, 999)
        others = [lane_of(3 if number <= 100 else 5, number) for number in range(1, 201)]
        entered(rounds, *others, churning)
        served, fourth = 0, member(1)
        for turn in range(4020):
            if turn % every == 0:
                if len(churning) == 3:
                    churning.add(fourth, 0)
                else:
                    churning.remove(fourth)
                rounds.refile(churning)
            [gone] = turns(rounds, 1, dict.fromkeys([*others, churning], 64))
            served += gone is churning
        assert served >= 4020 // 201 - 1, every


def test_a_batch_that_leaves_for_a_lane_that_is_not_there_is_owed_by_it() -> None:
    rounds, waiting, gone = Rounds(), lane_of(1, 1), lane_of(1, 2)
    rounds.owe(gone.key, 640)  # nobody waits: nobody is kept waiting
    entered(rounds, waiting)
    for _ in range(2):
        rounds.owe(gone.key, 640)
    entered(rounds, gone)
    assert gone.deficit == QUANTUM - 2 * (640 + BATCH_COST)


def test_debts_are_bounded_and_forgotten_when_nobody_waits() -> None:
    rounds, waiting = Rounds(), lane_of(1, 0)
    entered(rounds, waiting)
    for number in range(1, MAX_DEBTS + 2):
        lane = lane_of(1, number)
        entered(rounds, lane)
        rounds.charge(lane, 10_000_000)
        rounds.leave(lane)
    oldest, newest = lane_of(1, 1), lane_of(1, MAX_DEBTS + 1)
    rounds._spent = 0  # as if nobody had been served meanwhile
    entered(rounds, oldest, newest)
    assert (oldest.deficit, newest.deficit < 0) == (QUANTUM, True)
    for lane in (oldest, newest, waiting):
        rounds.leave(lane)
    entered(rounds, newest)
    assert newest.deficit == QUANTUM


def test_with_room_for_all_anyone_goes() -> None:
    rounds, crowd = Rounds(), lane_of(3)
    with pytest.raises(LookupError):
        rounds.any_lane()
    entered(rounds, crowd)
    assert rounds.any_lane() is crowd
