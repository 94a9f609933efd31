"""Carries one message to one replica, and on to another when that is allowed.

A message that was refused or turned away for a full house may go to another replica, within the retry budget and the
caller's deadline. A message that was in flight when its replica died is a suspect: limits/suspects.py decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from gateway.call import NEVER_US, Deadline, Headers, Message, monotonic_us
from gateway.errors import DeadlineExceeded, Failure, Fate, Shed, SuspectRefused, UpstreamFailed
from gateway.limits.suspects import SuspectRules, Verdict
from gateway.telemetry.counters import Counters
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import Replica

UNAVAILABLE = 14
RESOURCE_EXHAUSTED = 8
FULL_HOUSE = "Server Threadpool Exhausted"

# (reply, failure, replica that answered): exactly one of reply and failure is not None.
Delivered = Callable[[bytes | None, Failure | None, Replica | None], None]


class Errand:
    """One message on its way; it waits for its slot itself (gateway.upstream.pool.Waiter).

    `fingerprint` is computed only when a replica died; None: never retried after a death.
    """

    __slots__ = (
        "alive", "alone", "attempts", "avoid", "cancel_sent", "courier", "deadline", "deaths", "delivered", "died",
        "fingerprint", "message", "metadata", "model", "number", "path", "replica", "upstream", "urgent", "version",
    )  # fmt: skip
    courier: Courier  # who carries it, from then on

    def __init__(
        self,
        upstream: Upstream,
        model: str,
        version: int | None,
        path: str,
        message: Message,
        metadata: Headers,
        deadline: Deadline,
        fingerprint: Callable[[], Hashable] | None,
        delivered: Delivered,
    ) -> None:
        self.upstream = upstream
        self.model = model
        self.version = version
        self.path = path
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.fingerprint = fingerprint
        self.delivered = delivered
        self.attempts = 0
        self.deaths = 0
        self.died: Replica | None = None  # the last one
        self.avoid: Replica | None = None
        self.alone = False
        self.urgent = False  # a joined call holds a slot of batching already
        self.number = 0
        self.alive = True
        self.replica: Replica | None = None  # where it has a slot
        self.cancel_sent: Callable[[], None] | None = None

    def place(self, replica: Replica) -> None:
        """It has a slot: send it, unless its caller's time is up."""
        self.replica = replica
        left_s = self.deadline.remaining_s(monotonic_us())
        if left_s == 0:
            self.release()
            self.delivered(None, DeadlineExceeded("Deadline Exceeded"), None)
            return
        self.attempts += 1
        self.cancel_sent = replica.connection.send(self.path, self.message, left_s, self.metadata, self.done)

    def refuse(self, failure: Failure) -> None:
        """It gets no slot."""
        if isinstance(failure, Shed):
            self.courier.counters.shed.add(("replica_queue",))
        self.delivered(None, failure, None)

    def done(self, reply: bytes | None, failure: Failure | None) -> None:
        """The connection says how it ended."""
        self.cancel_sent = None
        replica = self.replica
        if failure is not None:
            self.courier.failed(self, replica, failure)
            return
        if replica is not None:
            self.replica = None
            self.upstream.release(replica, self.alone)
        if self.deaths:
            self.courier.counters.suspects.add(("answered",))
        self.delivered(reply, None, replica)

    def release(self) -> None:
        """Give its slot back, if it has one."""
        replica = self.replica
        if replica is not None:
            self.replica = None
            self.upstream.release(replica, self.alone)


class Courier:
    """Stateless but for counters and the suspects' rules; one for the whole gateway."""

    def __init__(self, rules: SuspectRules, counters: Counters) -> None:
        self.rules = rules
        self.counters = counters

    def carry(self, errand: Errand) -> None:
        """Send the errand's message; `errand.delivered` is called once, later or at once."""
        errand.courier = self
        upstream = errand.upstream
        upstream.budget.on_call()
        errand.avoid, errand.alone = errand.died, errand.deaths > 0
        upstream.acquire(errand)

    def carry_suspect(self, errand: Errand, died: Replica | None) -> None:
        """The message was in flight, in a join, on `died`: carry it on singly if the rules allow it."""
        errand.courier = self
        errand.deaths += 1
        self._after_death(errand, died, UpstreamFailed(UNAVAILABLE, "the replica's connection was lost", Fate.LOST))

    def cancel(self, errand: Errand) -> None:
        """The caller left: the errand leaves its queue or its replica; `delivered` is not called any more."""
        errand.alive = False
        if errand.cancel_sent is not None:
            cancel, errand.cancel_sent = errand.cancel_sent, None
            cancel()
            errand.release()

    def failed(self, errand: Errand, replica: Replica | None, failure: Failure) -> None:
        """What became of the message on `replica`: it goes elsewhere, or the caller is told."""
        lost = isinstance(failure, UpstreamFailed) and (failure.fate is Fate.LOST or not failure.reached)
        if lost and replica is not None and replica.up:
            replica.lost()  # before its slot is given away: nobody else is to be sent there
        errand.release()
        if not isinstance(failure, UpstreamFailed):
            errand.delivered(None, failure, replica)
            return
        failure.origin = replica
        if failure.fate is Fate.LOST:
            errand.deaths += 1
            self._after_death(errand, replica, failure)
        elif _may_go_elsewhere(failure) and self._may_retry(errand):
            self.counters.retries.add((errand.upstream.name, failure.fate.value))
            self._place_again(errand, replica)
        else:
            errand.delivered(None, failure, replica)

    def _place_again(self, errand: Errand, avoid: Replica | None) -> None:
        errand.avoid, errand.alone = avoid, errand.deaths > 0
        errand.upstream.acquire(errand)

    def _may_retry(self, errand: Errand) -> bool:
        now_us = monotonic_us()
        left = errand.deadline.at_us >= NEVER_US or not errand.deadline.passed(now_us)
        return (
            left and errand.attempts < errand.upstream.policy.retry.max_attempts and errand.upstream.budget.take(now_us)
        )

    def _after_death(self, errand: Errand, died: Replica | None, failure: Failure) -> None:
        now_us = monotonic_us()
        errand.died = died
        if errand.fingerprint is None:
            self.counters.suspects.add(("passed_on",))
            errand.delivered(None, failure, died)
            return
        verdict = self.rules.judge(errand.fingerprint(), errand.deaths, now_us)
        if verdict is Verdict.RETRY_ALONE:
            self.counters.suspects.add(("retried",))
            self._place_again(errand, died)
            return
        self.counters.suspects.add(("blocked" if verdict is Verdict.REFUSE_AND_BLOCK else "refused",))
        errand.delivered(
            None, SuspectRefused(f"this call was in flight when {errand.deaths} replicas died; it is not sent on"), died
        )


def _may_go_elsewhere(failure: UpstreamFailed) -> bool:
    """Refused unseen, the replica is going away, or all its threads are taken; anything else would fail there too."""
    if failure.code == RESOURCE_EXHAUSTED:
        return FULL_HOUSE in failure.message
    return failure.code == UNAVAILABLE
