"""Suspects: one more chance alone, then refused; a shape is blocked only while nobody vouches for it."""

from __future__ import annotations

import pytest

from gateway.limits.suspects import MAX_REMEMBERED, SuspectPolicy, SuspectRules, Verdict

SECOND_US = 1_000_000


def test_the_first_death_is_not_held_against_a_call() -> None:
    rules = SuspectRules(SuspectPolicy())
    assert rules.judge("shape", 1, 0) is Verdict.RETRY_ALONE
    assert not rules.has_blocks


def test_the_second_death_refuses_the_call_and_blocks_its_shape_for_a_while() -> None:
    rules = SuspectRules(SuspectPolicy(block_s=60))
    assert rules.judge("shape", 2, 0) is Verdict.REFUSE_AND_BLOCK
    assert rules.is_blocked("shape", 59 * SECOND_US)
    assert not rules.is_blocked("other", 59 * SECOND_US)
    assert not rules.is_blocked("shape", 60 * SECOND_US)
    assert not rules.has_blocks


def test_a_shape_that_was_answered_lately_is_everyones_and_not_blocked() -> None:
    rules = SuspectRules(SuspectPolicy(block_s=60))
    rules.answered("shape", 0)
    assert rules.judge("shape", 2, 60 * SECOND_US) is Verdict.REFUSE
    assert not rules.is_blocked("shape", 60 * SECOND_US)


def test_an_answer_of_long_ago_vouches_for_nothing() -> None:
    rules = SuspectRules(SuspectPolicy(block_s=60))
    rules.answered("shape", 0)
    assert rules.judge("shape", 2, 61 * SECOND_US) is Verdict.REFUSE_AND_BLOCK


def test_a_policy_without_blocking_still_refuses_the_call() -> None:
    rules = SuspectRules(SuspectPolicy(block_s=0))
    assert rules.judge("shape", 2, 5) is Verdict.REFUSE_AND_BLOCK
    assert not rules.is_blocked("shape", 5)


def test_another_policy_holds_for_blocks_to_come() -> None:
    rules = SuspectRules(SuspectPolicy(block_s=60))
    rules.judge("old", 2, 0)
    rules.adopt(SuspectPolicy(block_s=1))
    rules.judge("new", 2, 0)
    assert (rules.is_blocked("old", 2 * SECOND_US), rules.is_blocked("new", 2 * SECOND_US)) == (True, False)


def test_clients_cannot_make_it_remember_without_end() -> None:
    rules = SuspectRules(SuspectPolicy())
    for number in range(MAX_REMEMBERED + 1):
        rules.judge(number, 2, 0)
    assert not rules.is_blocked(0, 1)
    assert rules.is_blocked(1, 1)
    assert rules.is_blocked(MAX_REMEMBERED, 1)


def test_a_block_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="suspect_block_s is -1, must not be negative"):
        SuspectPolicy(block_s=-1)
