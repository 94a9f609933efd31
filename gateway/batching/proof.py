"""Proof before joining: whether a signature's rows are independent, learned from trials.

An unknown first dimension does not say so: a softmax over it has one too, and would mix strangers' answers. So while
nothing is proved, a few callers at a time run alone and get those answers; then, if none failed, the same calls run
joined, and the two are compared. Rows that are all alike prove less than rows that differ (a mean over the batch leaves
them as they are), so each kind of batch is proved by its own kind: repetitions of one row; repetitions of a request of
two rows, of three and so on, without padding; rows that differ; rows of different lengths, padded to the longest.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, Protocol

from gateway.batching.key import ProofKey
from gateway.batching.policy import BatchMode

TRIALS_WANTED: Final = 3
TRIAL_MEMBERS: Final = 8  # a trial sends each of them alone, then one join
STRIKES_ALLOWED: Final = 1  # joins that failed although each member alone was answered
DEATHS_ALLOWED: Final = 2  # of replicas in trials' joins, one after the other: any one may have had another cause
MAX_REPEATED: Final = 64  # numbers of rows of which repetitions are proved
MAX_PROOFS: Final = 4096
NO_LIMIT: Final = 2**31


class Verb(enum.Enum):
    """What to do with a lane's next members."""

    JOIN = "join"
    TRIAL = "trial"
    ALONE = "alone"


class Plan(NamedTuple):
    """`limit` and `alike_only` say which members to take (Lane.take), `verb` what to do with them.

    `pads`: up to an allowed size.
    """

    verb: Verb
    limit: int
    alike_only: bool = False
    pads: bool = True


class Waiting(Protocol):
    """Who waits for a plan (Lane); there is at least one."""

    lengths_differ: bool

    def __len__(self) -> int: ...

    def is_mixed(self, limit: int) -> bool:
        """Whether the first `limit` members' inputs differ."""

    def equal_lengths(self) -> int:
        """How many members, from the first on, need no padding to be joined."""

    def repeated_rows(self) -> int:
        """`repeated_rows` of the first."""


_JOIN_ALL: Final = Plan(Verb.JOIN, NO_LIMIT)
_JOIN_ALIKE: Final = Plan(Verb.JOIN, NO_LIMIT, alike_only=True)
_JOIN_REPEATED: Final = Plan(Verb.JOIN, NO_LIMIT, alike_only=True, pads=False)
_TRIAL: Final = Plan(Verb.TRIAL, TRIAL_MEMBERS)
_ALONE: Final = Plan(Verb.ALONE, 1)


class Finding(enum.Enum):
    """What a trial has shown."""

    SAME = "same"
    DIFFERENT = "different"  # joined and lone answers differ, or the joined reply cannot be cut
    REFUSED = "refused"  # the join failed, each member alone was answered
    DEATH = "death"  # as REFUSED, but its replica died, of that or anything else
    NOTHING = "nothing"  # someone failed alone, so nothing was joined, or the failure says nothing about joining


class Proof:
    """What is known of one signature of one version. `off_reason` is why joining is off, None while it is not."""

    __slots__ = ("alike", "deaths", "off_reason", "repeated", "strikes", "trial_running", "varied", "widened")

    def __init__(self) -> None:
        self.alike = 0  # trials passed with rows all alike
        self.varied = 0  # trials passed with differing rows
        self.widened = 0  # trials passed with different lengths
        self.repeated: dict[int, int] = {}  # trials passed with equal requests of so many rows, not all alike
        self.strikes = 0
        self.deaths = 0  # since a trial passed
        self.trial_running = False
        self.off_reason: str | None = None

    @property
    def state(self) -> str:
        """For people: "off", "proved", "proved for equal rows" or "on trial"."""
        if self.off_reason is not None:
            return "off"
        if self.varied >= TRIALS_WANTED:
            return "proved"
        equal = max([self.alike, *self.repeated.values()])
        return "proved for equal rows" if equal >= TRIALS_WANTED else "on trial"

    def plan(self, mode: BatchMode, waiting: Waiting) -> Plan:
        """How to take the next members of a lane."""
        if mode is BatchMode.ON:
            return _JOIN_ALL
        if self.varied >= TRIALS_WANTED:
            if not waiting.lengths_differ or self.widened >= TRIALS_WANTED:
                return _JOIN_ALL
            equal = waiting.equal_lengths()
            enough = self.trial_running or equal >= min(TRIAL_MEMBERS, len(waiting))
            return Plan(Verb.JOIN, equal) if enough else _TRIAL
        if (self.alike or self.repeated) and (self.trial_running or not waiting.is_mixed(TRIAL_MEMBERS)):
            rows = waiting.repeated_rows()
            if self.allows(mode, False, False, rows):
                return _JOIN_ALIKE if rows == 1 else _JOIN_REPEATED
        return _ALONE if self.trial_running else _TRIAL

    def allows(self, mode: BatchMode, varied: bool, widened: bool, rows: int) -> bool:
        """Whether such members may be joined: as `learn` says of a trial."""
        if mode is BatchMode.ON:
            return True
        if self.varied >= TRIALS_WANTED:
            return not widened or self.widened >= TRIALS_WANTED
        passed = self.alike if rows == 1 else self.repeated.get(rows, 0)
        return not varied and not widened and passed >= TRIALS_WANTED

    def may_pad(self, mode: BatchMode) -> bool:
        """Whether one caller's rows may be joined with padding, or travel in pieces: as in a join of differing rows."""
        return mode is BatchMode.ON or self.varied >= TRIALS_WANTED

    def learn(self, finding: Finding, varied: bool, reason: str, widened: bool = False, rows: int = 1) -> None:
        """End a trial. `varied`: its members' inputs differed, padded to the longest as they were if `widened`.

        Else `rows` are those of which all were repetitions. `reason` is kept if joining goes off.
        """
        self.trial_running = False
        if finding is Finding.SAME:
            self.deaths = 0
            self._passed(varied, widened, rows)
        elif finding is Finding.DEATH:
            self.deaths += 1
            if self.deaths > DEATHS_ALLOWED:
                self.turn_off(reason)
        elif finding is Finding.DIFFERENT:
            self.turn_off(reason)
        elif finding is Finding.REFUSED:
            self.strikes += 1
            if self.strikes > STRIKES_ALLOWED:
                self.turn_off(reason)

    def _passed(self, varied: bool, widened: bool, rows: int) -> None:
        self.widened += widened
        self.varied += varied
        if varied or widened:
            return
        if rows == 1:
            self.alike += 1
        elif rows in self.repeated or len(self.repeated) < MAX_REPEATED:
            self.repeated[rows] = self.repeated.get(rows, 0) + 1

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
