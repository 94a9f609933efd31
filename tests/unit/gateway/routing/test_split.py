"""The split: same key, same arm; exact shares; new weights move only the users they must."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.routing.split import MAX_ARMS, SLOTS, Arm, Split, anchor_of, deal_slots, slots_of

KEYS = [f"user-{number}".encode() for number in range(5_000)]


def split_of(*weights_percent: float, salt: str = "digits") -> Split:
    return Split(salt, tuple(Arm(f"arm{position}", weight) for position, weight in enumerate(weights_percent)))


def moves(old: Split, new: Split) -> set[tuple[int, int]]:
    """(from, to) of every slot that changes its owner."""
    return {(was, now) for was, now in zip(old.slots, new.slots, strict=True) if was != now}


@st.composite
def weights_in_slots(draw: st.DrawFn, arms: int) -> tuple[int, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, SLOTS), min_size=arms - 1, max_size=arms - 1)))
    return tuple(high - low for low, high in zip([0, *cuts], [*cuts, SLOTS], strict=True))


@given(st.integers(1, 12).flatmap(lambda arms: weights_in_slots(arms=arms)))
@settings(deadline=None, max_examples=50)
def test_every_arm_owns_exactly_its_share_of_the_slots(weights: tuple[int, ...]) -> None:
    slots = deal_slots(weights)
    assert [slots.count(position) for position in range(len(weights))] == list(weights)


@given(st.binary(min_size=1, max_size=64), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@settings(deadline=None, max_examples=50)
def test_the_same_key_always_meets_the_same_arm(key: bytes, salt: str) -> None:
    assert split_of(30, 30, 40, salt=salt).position(key) == split_of(30, 30, 40, salt=salt).position(key)


def test_the_hash_is_the_same_on_every_machine_and_in_every_release() -> None:
    split = split_of(90, 10)
    assert [split.ring.bucket(key) for key in (b"user-1", b"user-2", b"user-3")] == [7721, 9800, 5407]


@given(st.integers(0, SLOTS), st.integers(0, SLOTS))
@settings(deadline=None, max_examples=50)
def test_between_two_arms_only_the_difference_moves_and_only_towards_the_arm_that_grows(old: int, new: int) -> None:
    before, after = deal_slots((SLOTS - old, old)), deal_slots((SLOTS - new, new))
    moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    assert len(moved) == abs(new - old)
    assert set(moved) <= ({(0, 1)} if new > old else {(1, 0)})


@given(st.data(), st.integers(2, 6))
@settings(deadline=None, max_examples=50)
def test_an_arm_that_changes_against_the_base_moves_nobody_else_while_regions_do_not_meet(
    data: st.DataObject, arms: int
) -> None:
    room = SLOTS // 2 ** (arms - 1).bit_length()  # anchors of so many arms are at least that far apart
    old = [data.draw(st.integers(0, room)) for _ in range(arms - 1)]
    changed = data.draw(st.integers(1, arms - 1))
    new = [*old]
    new[changed - 1] = data.draw(st.integers(0, room))
    before, after = deal_slots((SLOTS - sum(old), *old)), deal_slots((SLOTS - sum(new), *new))
    moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    assert len(moved) == abs(sum(new) - sum(old))
    assert set(moved) <= ({(0, changed)} if sum(new) > sum(old) else {(changed, 0)})


def test_a_new_arm_at_the_end_takes_users_from_the_base_only() -> None:
    assert moves(split_of(90, 10), split_of(85, 10, 5)) == {(0, 2)}


def test_an_arm_at_weight_zero_can_go_from_the_end_without_moving_anyone() -> None:
    assert moves(split_of(90, 10, 0), split_of(90, 10)) == set()


def test_an_arm_that_outgrows_its_room_still_gets_its_exact_share() -> None:
    slots = split_of(20, 60, 20).slots
    assert [slots.count(position) for position in range(3)] == [2000, 6000, 2000]


def test_anchors_are_the_bit_reversal_sequence_and_all_different() -> None:
    assert [anchor_of(position) for position in range(1, 6)] == [0, 5000, 2500, 7500, 1250]
    assert len({anchor_of(position) for position in range(1, MAX_ARMS)}) == MAX_ARMS - 1


def test_shares_of_many_keys_are_near_the_weights() -> None:
    split = split_of(50, 30, 15, 5)
    counts = [0, 0, 0, 0]
    for key in KEYS:
        counts[split.position(key)] += 1
    expected = [len(KEYS) * arm.weight_percent / 100 for arm in split.arms]
    chi_square = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    assert chi_square < 16.27  # 3 degrees of freedom, 0.999


def test_another_salt_deals_the_users_anew() -> None:
    one, two = split_of(50, 50, salt="one"), split_of(50, 50, salt="two")
    stayed = sum(one.position(key) == two.position(key) for key in KEYS)
    assert abs(stayed - len(KEYS) / 2) < 5 * (len(KEYS) / 4) ** 0.5


@pytest.mark.parametrize(
    ("salt", "arms", "message"),
    [
        ("s", (Arm("a", 90), Arm("b", 5)), "weights sum to 95, must sum to 100"),
        ("s", (Arm("a", 50), Arm("a", 50)), "arms: names must differ, got a more than once"),
        ("s", (), "arms: got 0, wanted 1 to 64"),
        ("s", tuple(Arm(f"a{number}", 1) for number in range(65)), "arms: got 65, wanted 1 to 64"),
        ("s\0", (Arm("a", 100),), "salt: must not contain NUL"),
        ("s", (Arm("a", 99.999), Arm("b", 0.001)), "weight_percent: 99.999 is not between 0 and 100 in steps of 0.01"),
        ("s", (Arm("a", 101), Arm("b", -1)), "weight_percent: 101 is not between 0 and 100 in steps of 0.01"),
        ("s", (Arm("a", float("nan")),), "weight_percent: nan is not between 0 and 100 in steps of 0.01"),
    ],
)
def test_a_split_that_means_nothing_cannot_be_built(salt: str, arms: tuple[Arm, ...], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.") + "$"):
        Split(salt, arms)


@given(st.integers(0, SLOTS))
@settings(deadline=None, max_examples=50)
def test_every_weight_in_hundredths_of_a_percent_is_exact(slots: int) -> None:
    assert slots_of(slots / 100) == slots
