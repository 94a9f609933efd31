"""Retention: the oldest versions beyond a number go, used ones never, and each that stays says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.retention import PolicyKind, ServedPolicy, Use, decide

VERSIONS = st.sets(st.integers(0, 2**63 - 1) | st.integers(0, 12), max_size=30)
USES = st.lists(st.builds(Use, st.integers(0, 12) | st.integers(0, 2**63 - 1), st.sampled_from("abc")), max_size=20)
POLICIES = st.one_of(
    st.builds(ServedPolicy, st.just("m"), st.just(PolicyKind.LATEST), count=st.integers(0, 5)),
    st.builds(ServedPolicy, st.just("m"), st.just(PolicyKind.ALL)),
    st.builds(
        ServedPolicy, st.just("m"), st.just(PolicyKind.SPECIFIC), versions=st.frozensets(st.integers(0, 12), max_size=4)
    ),
)


@given(VERSIONS, st.integers(1, 40), USES)
def test_the_newest_and_the_used_stay_and_nothing_else_does(existing: set[int], keep: int, uses: list[Use]) -> None:
    plan = decide(existing, keep, uses)
    newest = set(sorted(existing)[-keep:])
    used = {use.version for use in uses} & existing
    assert set(plan.stays) == newest | used
    assert list(plan.remove) == sorted(existing - newest - used)


@given(VERSIONS, st.integers(1, 40), USES)
def test_every_version_that_stays_says_every_reason_once(existing: set[int], keep: int, uses: list[Use]) -> None:
    for version, reasons in decide(existing, keep, uses).stays.items():
        told = [reason for reason in reasons if "newest" not in reason]
        assert sorted(told) == sorted({use.by for use in uses if use.version == version})
        assert all(reasons) and reasons


@given(VERSIONS, st.integers(1, 40), USES, USES)
def test_more_uses_and_a_larger_number_never_remove_more(
    existing: set[int], keep: int, uses: list[Use], more: list[Use]
) -> None:
    removed = set(decide(existing, keep, uses).remove)
    assert set(decide(existing, keep, [*uses, *more]).remove) <= removed
    assert set(decide(existing, keep + 1, uses).remove) <= removed


@given(VERSIONS, st.integers(1, 5), POLICIES)
def test_a_server_finds_all_it_loads_after_pruning(existing: set[int], keep: int, policy: ServedPolicy) -> None:
    loaded = {use.version for use in policy.uses(existing)}
    left = set(decide(existing, keep, policy.uses(existing)).stays)
    assert loaded <= left
    assert {use.version for use in policy.uses(left)} == loaded or policy.kind is PolicyKind.ALL


@given(VERSIONS, st.integers(1, 40), USES)
def test_pruning_again_removes_nothing(existing: set[int], keep: int, uses: list[Use]) -> None:
    assert decide(set(decide(existing, keep, uses).stays), keep, uses).remove == ()


def test_the_reasons_are_words() -> None:
    policy = ServedPolicy("digits in models.config", PolicyKind.SPECIFIC, versions=frozenset({1, 9}))
    plan = decide({1, 2, 3, 4}, 1, [*policy.uses({1, 2, 3, 4}), Use(1, "label stable")])
    assert plan.remove == (2, 3)
    assert plan.stays == {1: ("label stable", "loaded by specific (digits in models.config)"), 4: ("the newest",)}


def test_latest_0_is_latest_1_as_it_is_to_a_server() -> None:
    uses = ServedPolicy("m", PolicyKind.LATEST, count=0).uses({3, 7})
    assert uses == [Use(7, "loaded by latest:1 (m)")]


@pytest.mark.parametrize("keep", [0, -1])
def test_keeping_no_version_is_refused(keep: int) -> None:
    with pytest.raises(ValueError, match="at least 1 version must stay"):
        decide({1}, keep, [])
