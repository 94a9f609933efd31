"""Promises of batching/poison.py: a lane poisoned often is left off longer and longer, and recovers."""

from __future__ import annotations

from gateway.batching.poison import BACK_OFF_US, MAX_BACK_OFF_US, MAX_LANES, THRESHOLD, Poisons
from tests.unit.gateway.batching.members import lane_key

LANE = lane_key()


def poisoned(poisons: Poisons, now_us: int = 0) -> int:
    """How many culprits it took."""
    for count in range(1, 10):
        if poisons.culprit_found(LANE, now_us):
            return count
    raise AssertionError("it takes fewer")


def test_the_third_culprit_in_a_row_leaves_a_lane_off_for_a_while() -> None:
    poisons = Poisons()
    assert not poisons.is_off(LANE, 0)
    assert poisoned(poisons) == 3
    assert poisons.is_off(LANE, BACK_OFF_US - 1)
    assert not poisons.is_off(LANE, BACK_OFF_US)
    assert not poisons.is_off(lane_key(2), 0)


def test_one_culprit_in_six_batches_never_does_and_one_in_four_does() -> None:
    for clean, ends_off in ((5, False), (3, True)):
        poisons, off = Poisons(), False
        for _ in range(100):
            off = off or poisons.culprit_found(LANE, 0)
            for _ in range(clean):
                poisons.answered(LANE)
        assert off is ends_off


def test_culprits_of_calls_that_were_still_out_do_not_count() -> None:
    poisons = Poisons()
    poisoned(poisons)
    assert not poisons.culprit_found(LANE, BACK_OFF_US - 1)
    assert not poisons.is_off(LANE, BACK_OFF_US)


def test_after_that_the_next_culprit_is_enough_and_the_back_off_doubles_to_a_limit() -> None:
    poisons, now_us, lengths = Poisons(), 0, []
    poisoned(poisons)
    for _ in range(9):
        now_us += poisons.off(now_us)[0][1]
        assert poisoned(poisons, now_us) == 1
        lengths.append(poisons.off(now_us)[0][1] // BACK_OFF_US)
    assert lengths == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert MAX_BACK_OFF_US == 60 * BACK_OFF_US


def test_answered_joins_make_all_forgotten() -> None:
    poisons = Poisons()
    poisoned(poisons)
    for _ in range(THRESHOLD - 1):
        assert len(poisons) == 1
        poisons.answered(LANE)
    assert (len(poisons), poisons.off(0)) == (0, [])
    poisons.answered(LANE)
    assert poisoned(poisons) == 3


def test_lanes_are_bounded_and_whose_failure_is_longest_ago_is_forgotten() -> None:
    poisons = Poisons()
    for features in range(1, MAX_LANES + 1):
        for _ in range(3):
            poisons.culprit_found(lane_key(features), 0)
    poisons.culprit_found(lane_key(1), 0)
    poisons.culprit_found(lane_key(MAX_LANES + 1), 0)
    assert len(poisons) == MAX_LANES
    assert poisons.is_off(lane_key(1), 0)
    assert not poisons.is_off(lane_key(2), 0)
