"""Proof before joining: whether a signature's rows are independent, learned from trials.

An unknown first dimension does not say so: a softmax over it has one too, and would mix strangers' answers. So while
nothing is proved, a few callers at a time run alone and get those answers; then, if none failed, the same calls run
joined, and the two are compared. Rows that are all alike prove less than rows that differ (a mean over the batch leaves
them as they are), so each kind of batch is proved by its own kind.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.batching.key import ProofKey
from gateway.batching.policy import BatchMode

TRIALS_WANTED: Final = 3
TRIAL_MEMBERS: Final = 8  # a trial sends each of them alone, then one join
STRIKES_ALLOWED: Final = 1  # joins that failed although each member alone was answered
MAX_PROOFS: Final = 4096
NO_LIMIT: Final = 2**31


class Verb(enum.Enum):
    """What to do with a lane's next members."""

    JOIN = "join"
    TRIAL = "trial"
    ALONE = "alone"


class Plan(NamedTuple):
    """`limit` and `alike_only` say which members to take (Lane.take), `verb` what to do with them."""

    verb: Verb
    limit: int
    alike_only: bool = False


class Finding(enum.Enum):
    """What a trial has shown."""

    SAME = "same"
    DIFFERENT = "different"  # joined and lone answers differ, or the joined reply cannot be cut
    REFUSED = "refused"  # the join failed, each member alone was answered
    NOTHING = "nothing"  # someone failed alone, so nothing was joined, or the failure says nothing about joining


class Proof:
    """What is known of one signature of one version. `off_reason` is why joining is off, None while it is not."""

    __slots__ = ("alike", "off_reason", "strikes", "trial_running", "varied")

    def __init__(self) -> None:
        self.alike = 0  # trials passed with rows all alike
        self.varied = 0  # trials passed with differing rows
        self.strikes = 0
        self.trial_running = False
        self.off_reason: str | None = None

    @property
    def state(self) -> str:
        """For people: "off", "proved", "proved for equal rows" or "on trial"."""
        if self.off_reason is not None:
            return "off"
        if self.varied >= TRIALS_WANTED:
            return "proved"
        return "proved for equal rows" if self.alike >= TRIALS_WANTED else "on trial"

    def plan(self, mode: BatchMode, is_mixed: Callable[[int], bool]) -> Plan:
        """How to take the next members of a lane; `is_mixed(n)` tells if its first n differ (Lane.is_mixed)."""
        if mode is BatchMode.ON or self.varied >= TRIALS_WANTED:
            return Plan(Verb.JOIN, NO_LIMIT)
        alike_proved = self.alike >= TRIALS_WANTED
        if alike_proved and (self.trial_running or not is_mixed(TRIAL_MEMBERS)):
            return Plan(Verb.JOIN, NO_LIMIT, alike_only=True)
        if self.trial_running:
            return Plan(Verb.ALONE, 1)
        return Plan(Verb.TRIAL, TRIAL_MEMBERS)

    def may_pad(self, mode: BatchMode) -> bool:
        """Whether a lone caller's rows may be joined with padding, which is a join with differing rows."""
        return mode is BatchMode.ON or self.varied >= TRIALS_WANTED

    def learn(self, finding: Finding, varied: bool, reason: str) -> None:
        """End a trial. `varied`: its members' inputs differed; `reason` is kept if joining goes off."""
        self.trial_running = False
        if finding is Finding.SAME:
            self.varied += varied
            self.alike += not varied
        elif finding is Finding.DIFFERENT:
            self.turn_off(reason)
        elif finding is Finding.REFUSED:
            self.strikes += 1
            if self.strikes > STRIKES_ALLOWED:
                self.turn_off(reason)

    def turn_off(self, reason: str) -> None:
        """For good (a new version starts anew); the first reason is kept."""
        if self.off_reason is None:
            self.off_reason = reason


class Proofs:
    """The proof of each signature, bounded: the oldest is forgotten first, and would start anew."""

    __slots__ = ("_proofs",)

    def __init__(self) -> None:
        self._proofs: dict[ProofKey, Proof] = {}

    def of(self, key: ProofKey) -> Proof:
        proof = self._proofs.get(key)
        if proof is None:
            if len(self._proofs) >= MAX_PROOFS:
                del self._proofs[next(iter(self._proofs))]
            proof = self._proofs[key] = Proof()
        return proof

    def forget(self, upstream: str, model: str, versions: frozenset[int]) -> None:
        """These versions are gone: what comes back under their numbers may be other content, and is proved anew."""
        for key in [key for key in self._proofs if key[:2] == (upstream, model) and key[2] in versions]:
            del self._proofs[key]

    def items(self) -> list[tuple[ProofKey, Proof]]:
        """Sorted by key, for status."""
        return sorted(self._proofs.items(), key=lambda item: item[0])
