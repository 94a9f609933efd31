"""A key keeps its arm while weights stand, and only ever moves to a version that grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.marks import Mark, Movement, phases
from loadtests.record import Call, Pair
from loadtests.sticky import check_stickiness

V1, V2, V3 = Pair("stable", "1"), Pair("canary", "2"), Pair("stable", "3")
GROW3 = Mark(10, Movement.MOVE, frozenset({"3"}))
STAND = Mark(20, Movement.STAND)
GROW1 = Mark(30, Movement.MOVE, frozenset({"1"}))


def call(start_s: float, pair: Pair, length_s: float = 1.0, key: int = 7) -> Call:
    return Call(key, pair, start_s, start_s + length_s)


def violations(calls: list[Call], *marks: Mark) -> int:
    return check_stickiness(calls, phases(marks)).violations


def test_a_key_that_keeps_its_arm_is_fine() -> None:
    result = check_stickiness([call(1, V1), call(3, V1), call(4, V2, key=8)], phases([]))
    assert (result.keys, result.violations, result.examples) == (2, 0, ())


def test_two_arms_while_weights_stand_are_a_violation_told_with_key_and_arms() -> None:
    result = check_stickiness([call(1, V1), call(3, V2)], phases([]))
    assert result.violations == 1
    assert result.examples[0].startswith("key 7: stable@1 -> canary@2 at 3.000 while weights stood")


def test_two_arms_at_the_same_moment_while_weights_stand_are_a_violation() -> None:
    assert violations([call(1, V1, 5), call(2, V2, 5)]) == 1


def test_another_arm_of_the_same_version_is_a_violation_too() -> None:
    assert violations([call(1, V1), call(3, Pair("canary", "1"))]) == 1


def test_a_move_to_the_growing_version_is_fine() -> None:
    assert violations([call(5, V1), call(12, V3), call(15, V3), call(22, V3)], GROW3, STAND) == 0


@pytest.mark.parametrize("way", [[V1, V3, V1], [V1, V2], [V3, V1]])
def test_a_move_to_a_version_that_does_not_grow_is_a_violation(way: list[Pair]) -> None:
    calls = [call(11 + 2 * number, pair) for number, pair in enumerate(way)]
    assert violations(calls, GROW3, STAND) == 1


def test_a_move_after_the_weights_stand_again_is_a_violation() -> None:
    assert violations([call(12, V1), call(21, V1), call(23, V3)], GROW3, STAND) == 1


def test_a_move_seen_only_after_its_phase_is_fine() -> None:
    assert violations([call(5, V1), call(25, V3)], GROW3, STAND) == 0


def test_a_call_under_way_when_the_move_began_may_be_answered_by_either() -> None:
    assert violations([call(1, V1), call(9, V3, 3), call(9, V1, 3)], GROW3, STAND) == 0


def test_overlapping_calls_of_a_moving_key_have_no_order() -> None:
    assert violations([call(11, V3, 4), call(12, V1, 2)], GROW3, STAND) == 0


def test_a_rollback_brings_keys_home() -> None:
    way = [call(5, V1), call(12, V3), call(25, V3), call(32, V1), call(45, V1)]
    assert violations(way, GROW3, STAND, GROW1, Mark(40, Movement.STAND)) == 0


def test_standing_marks_in_a_row_move_nothing() -> None:
    assert violations([call(5, V1), call(12, V2)], Mark(10, Movement.STAND)) == 1


def test_examples_are_bounded() -> None:
    calls = [c for key in range(50) for c in (call(1, V1, key=key), call(3, V2, key=key))]
    result = check_stickiness(calls, phases([]))
    assert (result.violations, len(result.examples)) == (50, 10)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0.001, 9)), min_size=2, max_size=20), st.data())
def test_in_standing_time_one_stray_call_among_any_others_is_always_found(
    times: list[tuple[float, float]], data: st.DataObject
) -> None:
    stray = data.draw(st.integers(0, len(times) - 1))
    calls = [call(start, V2 if number == stray else V1, length) for number, (start, length) in enumerate(times)]
    assert violations(calls) >= 1
    assert violations([c._replace(pair=V1) for c in calls]) == 0
