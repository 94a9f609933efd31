"""Promises of batching/outcome.py: overload is passed on, a culprit in the batch is looked for."""

from __future__ import annotations

import pytest

from gateway.batching.outcome import judges, wants_another_try, wants_members_alone
from gateway.errors import DeadlineExceeded, Failure, Fate, NoReplica, Shed, UpstreamFailed


def answered(code: int, message: str = "no") -> UpstreamFailed:
    return UpstreamFailed(code, message, Fate.ANSWERED)


LOST = UpstreamFailed(14, "connection reset", Fate.LOST)
FULL_HOUSE = answered(8, "Server Threadpool Exhausted")


@pytest.mark.parametrize(
    "failure", [LOST, answered(3), answered(13), answered(5), NoReplica("none"), answered(8, "too large")]
)
def test_members_are_tried_alone_when_one_of_them_or_their_size_may_be_the_cause(failure: Failure) -> None:
    assert wants_members_alone(failure)


@pytest.mark.parametrize("failure", [FULL_HOUSE, answered(14), answered(4), Shed("full"), DeadlineExceeded("late")])
def test_a_replica_without_room_or_time_is_not_sent_every_member_instead(failure: Failure) -> None:
    assert not wants_members_alone(failure)


@pytest.mark.parametrize(
    ("failure", "again"),
    [(LOST, True), (answered(5), True), (NoReplica("none"), True), (answered(3), False), (Shed("x"), False)],
)
def test_a_lone_call_goes_on_when_its_replica_died_or_its_version_left(failure: Failure, again: bool) -> None:
    assert wants_another_try(failure) is again


@pytest.mark.parametrize(
    ("failure", "against"), [(LOST, True), (answered(3), True), (FULL_HOUSE, False), (None, False)]
)
def test_only_a_replicas_own_judgement_or_death_speaks_against_joining(failure: Failure | None, against: bool) -> None:
    assert judges(failure) is against
