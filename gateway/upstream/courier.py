"""Carries one message to one replica, and on to another when that is allowed.

A message that was refused or turned away for a full house may go to another replica, within the retry budget and the
caller's deadline. A message that was in flight when its replica died is a suspect: limits/suspects.py decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from gateway.call import NEVER_US, Deadline, Headers, monotonic_us
from gateway.errors import DeadlineExceeded, Failure, Fate, Shed, SuspectRefused, UpstreamFailed
from gateway.limits.suspects import SuspectRules, Verdict
from gateway.telemetry.counters import Counters
from gateway.upstream.pool import Upstream, Waiter
from gateway.upstream.replica import Replica

UNAVAILABLE = 14
RESOURCE_EXHAUSTED = 8
FULL_HOUSE = "Server Threadpool Exhausted"

# (reply, failure, replica that answered): exactly one of reply and failure is not None.
Delivered = Callable[[bytes | None, Failure | None, Replica | None], None]


class Errand:
    """One message on its way. `fingerprint` is computed only when a replica died; None: never retried after a death."""

    __slots__ = (
        "attempts", "cancel_sent", "deadline", "deaths", "delivered", "died", "fingerprint", "message",
        "metadata", "model", "path", "replica", "upstream", "version", "waiter",
    )  # fmt: skip

    def __init__(
        self,
        upstream: Upstream,
        model: str,
        version: int | None,
        path: str,
        message: bytes,
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
        self.replica: Replica | None = None
        self.waiter: Waiter | None = None
        self.cancel_sent: Callable[[], None] | None = None


class Courier:
    """Stateless but for counters and the suspects' rules; one for the whole gateway."""

    def __init__(self, rules: SuspectRules, counters: Counters) -> None:
        self.rules = rules
        self.counters = counters

    def carry(self, errand: Errand) -> None:
        """Send the errand's message; `errand.delivered` is called once, later or at once."""
        errand.upstream.budget.on_call()
        self._place(errand, errand.died, alone=errand.deaths > 0)

    def carry_suspect(self, errand: Errand, died: Replica | None) -> None:
        """The message was in flight, in a join, on `died`: carry it on singly if the rules allow it."""
        errand.deaths += 1
        self._after_death(errand, died, UpstreamFailed(UNAVAILABLE, "the replica's connection was lost", Fate.LOST))

    def cancel(self, errand: Errand) -> None:
        """The caller left: the errand leaves its queue or its replica; `delivered` is not called any more."""
        if errand.waiter is not None:
            errand.waiter.alive = False
        if errand.cancel_sent is not None:
            cancel, errand.cancel_sent = errand.cancel_sent, None
            cancel()
            self._release(errand)

    def _place(self, errand: Errand, avoid: Replica | None, alone: bool) -> None:
        def place(replica: Replica) -> None:
            self._send(errand, replica)

        def refuse(failure: Failure) -> None:
            errand.waiter = None
            if isinstance(failure, Shed):
                self.counters.shed.add(("replica_queue",))
            errand.delivered(None, failure, None)

        errand.waiter = Waiter(errand.model, errand.version, place, refuse, avoid, alone)
        errand.upstream.acquire(errand.waiter)

    def _send(self, errand: Errand, replica: Replica) -> None:
        now_us = monotonic_us()
        errand.replica = replica
        if errand.deadline.passed(now_us):
            self._release(errand)
            errand.delivered(None, DeadlineExceeded("Deadline Exceeded"), None)
            return
        errand.attempts += 1

        def done(reply: bytes | None, failure: Failure | None) -> None:
            errand.cancel_sent = None
            if isinstance(failure, UpstreamFailed) and failure.fate is not Fate.ANSWERED and replica.up:
                replica.lost()  # before its slot is given away: nobody else is to be sent there
            self._release(errand)
            if failure is None:
                if errand.deaths:
                    self.counters.suspects.add(("answered",))
                errand.delivered(reply, None, replica)
            else:
                self._failed(errand, replica, failure)

        errand.cancel_sent = replica.connection.send(
            errand.path, errand.message, errand.deadline.remaining_s(now_us), errand.metadata, done
        )

    def _release(self, errand: Errand) -> None:
        replica, waiter = errand.replica, errand.waiter
        if replica is not None and waiter is not None:
            errand.replica = errand.waiter = None
            errand.upstream.release(replica, waiter.alone)

    def _failed(self, errand: Errand, replica: Replica, failure: Failure) -> None:
        if not isinstance(failure, UpstreamFailed):
            errand.delivered(None, failure, replica)
            return
        failure.origin = replica
        if failure.fate is Fate.LOST:
            errand.deaths += 1
            self._after_death(errand, replica, failure)
        elif _may_go_elsewhere(failure) and self._may_retry(errand):
            self.counters.retries.add((errand.upstream.name, failure.fate.value))
            self._place(errand, replica, alone=errand.deaths > 0)
        else:
            errand.delivered(None, failure, replica)

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
            self._place(errand, died, alone=True)
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
