"""Promises of batching/proof.py: nothing unproved is joined, and what is off stays off and says why."""

from __future__ import annotations

import pytest

from gateway.batching.policy import BatchMode
from gateway.batching.proof import (
    MAX_PROOFS,
    MAX_REPEATED,
    NO_LIMIT,
    TRIAL_MEMBERS,
    Finding,
    Plan,
    Proof,
    Proofs,
    Verb,
)

JOIN_ALL = Plan(Verb.JOIN, NO_LIMIT)
JOIN_ALIKE = Plan(Verb.JOIN, NO_LIMIT, alike_only=True)
ALONE = Plan(Verb.ALONE, 1)
TRIAL = Plan(Verb.TRIAL, TRIAL_MEMBERS)


class Waiting:
    """Three members: `equal` of them, from the first on, have one length; `rows` are the first's repeated ones."""

    def __init__(self, mixed: bool = False, equal: int = 3, rows: int = 1) -> None:
        self.lengths_differ = equal < len(self)
        self._mixed = mixed
        self._equal = equal
        self._rows = rows

    def __len__(self) -> int:
        return 3

    def is_mixed(self, limit: int) -> bool:
        return self._mixed

    def equal_lengths(self) -> int:
        return self._equal

    def repeated_rows(self) -> int:
        return self._rows


class Unseen(Waiting):
    """Whose members are not looked at."""

    def is_mixed(self, limit: int) -> bool:
        raise AssertionError("a look at every member costs time")

    def equal_lengths(self) -> int:
        raise AssertionError("a look at every member costs time")

    def repeated_rows(self) -> int:
        raise AssertionError("a look at every row costs time")


def learned(*findings: tuple[Finding, bool]) -> Proof:
    proof = Proof()
    for finding, varied in findings:
        proof.learn(finding, varied, "why")
    return proof


def plans(proof: Proof, mode: BatchMode = BatchMode.AUTO) -> tuple[Plan, Plan]:
    """For alike and for mixed members."""
    return proof.plan(mode, Waiting()), proof.plan(mode, Waiting(mixed=True))


def test_without_proof_there_are_trials_one_at_a_time() -> None:
    proof = Proof()
    assert plans(proof) == (TRIAL, TRIAL)
    proof.trial_running = True
    assert plans(proof) == (ALONE, ALONE)
    assert proof.state == "on trial"


def test_three_trials_with_differing_rows_prove_every_join() -> None:
    proof = learned(*[(Finding.SAME, True)] * 2)
    assert plans(proof) == (TRIAL, TRIAL)
    proof.learn(Finding.SAME, True, "")
    assert plans(proof) == (JOIN_ALL, JOIN_ALL)
    assert proof.state == "proved"
    assert proof.may_pad(BatchMode.AUTO)


def test_trials_with_equal_rows_prove_joins_of_equal_rows() -> None:
    proof = learned(*[(Finding.SAME, False)] * 3)
    assert plans(proof) == (JOIN_ALIKE, TRIAL)
    proof.trial_running = True
    assert plans(proof) == (JOIN_ALIKE, JOIN_ALIKE)
    assert proof.state == "proved for equal rows"
    assert not proof.may_pad(BatchMode.AUTO)


def test_mode_on_needs_no_proof() -> None:
    assert plans(Proof(), BatchMode.ON) == (JOIN_ALL, JOIN_ALL)
    assert Proof().may_pad(BatchMode.ON)


def test_a_difference_turns_joining_off_at_once() -> None:
    proof = learned((Finding.DIFFERENT, True), (Finding.DIFFERENT, True))
    assert (proof.state, proof.off_reason) == ("off", "why")


def test_one_refused_join_is_forgiven_and_two_are_not() -> None:
    assert learned((Finding.REFUSED, True)).off_reason is None
    assert learned((Finding.REFUSED, True), (Finding.REFUSED, True)).off_reason == "why"


def test_a_trial_that_shows_nothing_changes_nothing_but_ends() -> None:
    proof = Proof()
    proof.trial_running = True
    proof.learn(Finding.NOTHING, True, "")
    assert not proof.trial_running
    assert (proof.alike, proof.varied, proof.strikes, proof.off_reason) == (0, 0, 0, None)


def test_the_first_reason_is_kept() -> None:
    proof = Proof()
    proof.turn_off("first")
    proof.turn_off("second")
    assert proof.off_reason == "first"


@pytest.mark.parametrize("mode", [BatchMode.AUTO, BatchMode.ON])
def test_the_lane_is_looked_into_only_where_it_matters(mode: BatchMode) -> None:
    assert learned(*[(Finding.SAME, True)] * 3).plan(mode, Unseen()) == JOIN_ALL


def test_different_lengths_are_joined_only_once_different_lengths_are_proved() -> None:
    proof = learned(*[(Finding.SAME, True)] * 3)
    assert proof.plan(BatchMode.AUTO, Waiting(equal=2)) == TRIAL
    assert not proof.allows(BatchMode.AUTO, True, True, 1)
    assert proof.allows(BatchMode.ON, True, True, 1)
    proof.trial_running = True
    assert proof.plan(BatchMode.AUTO, Waiting(equal=2)) == Plan(Verb.JOIN, 2)
    for _ in range(3):
        proof.learn(Finding.SAME, True, "", widened=True)
    assert proof.plan(BatchMode.AUTO, Waiting(equal=2)) == JOIN_ALL
    assert proof.allows(BatchMode.AUTO, True, True, 1)


def test_a_lane_where_lengths_differed_once_needs_no_trial_for_those_who_are_equal() -> None:
    waiting = Waiting()
    waiting.lengths_differ = True
    assert learned(*[(Finding.SAME, True)] * 3).plan(BatchMode.AUTO, waiting) == Plan(Verb.JOIN, 3)


def test_different_lengths_of_one_value_say_nothing_about_rows_that_differ() -> None:
    proof = Proof()
    for _ in range(3):
        proof.learn(Finding.SAME, False, "", widened=True)
    assert (proof.widened, proof.varied, proof.alike) == (3, 0, 0)
    assert proof.plan(BatchMode.AUTO, Waiting(equal=2)) == TRIAL


def test_equal_requests_of_several_rows_are_proved_by_their_own_kind_and_not_padded() -> None:
    proof = learned(*[(Finding.SAME, False)] * 3)
    assert proof.plan(BatchMode.AUTO, Waiting(rows=2)) == TRIAL
    assert not proof.allows(BatchMode.AUTO, False, False, 2)
    for _ in range(3):
        proof.learn(Finding.SAME, False, "", rows=2)
    assert proof.plan(BatchMode.AUTO, Waiting(rows=2)) == Plan(Verb.JOIN, NO_LIMIT, alike_only=True, pads=False)
    assert proof.plan(BatchMode.AUTO, Waiting(rows=3)) == TRIAL
    assert proof.allows(BatchMode.AUTO, False, False, 2)
    assert not proof.allows(BatchMode.AUTO, True, False, 2)


def test_the_kinds_of_equal_requests_are_bounded() -> None:
    proof = Proof()
    for rows in range(2, 2 + 2 * MAX_REPEATED):
        proof.learn(Finding.SAME, False, "", rows=rows)
    assert len(proof.repeated) == MAX_REPEATED


def test_deaths_in_a_row_turn_joining_off_and_deaths_now_and_then_do_not() -> None:
    now_and_then = learned(*[(Finding.DEATH, True), (Finding.DEATH, True), (Finding.SAME, False)] * 3)
    assert now_and_then.off_reason is None
    assert learned(*[(Finding.DEATH, True)] * 3).off_reason == "why"


def test_each_signature_of_each_version_has_its_own_proof() -> None:
    proofs = Proofs()
    second = proofs.of(("pool", "digits", 2, "serving_default"))
    first = proofs.of(("pool", "digits", 1, "serving_default"))
    assert first is not second
    assert proofs.of(("pool", "digits", 1, "serving_default")) is first
    assert [key[2] for key, _ in proofs.items()] == [1, 2]


def test_proofs_are_bounded_and_the_oldest_starts_anew() -> None:
    proofs = Proofs()
    oldest = proofs.of(("pool", "digits", 0, "s"))
    for version in range(1, MAX_PROOFS + 1):
        proofs.of(("pool", "digits", version, "s"))
    assert len(proofs.items()) == MAX_PROOFS
    assert proofs.of(("pool", "digits", 0, "s")) is not oldest


def test_versions_that_are_gone_are_proved_anew() -> None:
    proofs = Proofs()
    kept = [proofs.of(key) for key in (("pool", "m", 1, "a"), ("other", "m", 2, "a"), ("pool", "n", 2, "a"))]
    gone = proofs.of(("pool", "m", 2, "a"))
    gone.turn_off("it was")
    proofs.forget("pool", "m", frozenset({2, 3}))
    assert [proof for _, proof in proofs.items()] == [kept[1], kept[0], kept[2]]
    assert proofs.of(("pool", "m", 2, "a")).off_reason is None
