"""One upstream: its replicas, the slots on them, and the bounded queue of calls that wait for a slot."""

from __future__ import annotations

import random
from collections import deque
from typing import Protocol

from gateway.errors import Failure, NoReplica, Shed
from gateway.limits.retry_budget import RetryBudget
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.replica import Replica, less_busy, two_of


class Waiter(Protocol):
    """A call that wants a slot on a replica that serves (model, version): `place` runs it there, `refuse` ends it."""

    model: str
    version: int | None
    avoid: Replica | None  # a replica that failed this call before: only if there is no other
    alone: bool  # a suspect: at most one on a replica at a time, and never where it failed before
    urgent: bool  # many callers' in one, and bounded in number elsewhere: every other slot, however many wait
    number: int  # given when it begins to wait: who came first
    alive: bool  # False: cancelled or expired, skipped when its turn comes

    def place(self, replica: Replica) -> None: ...

    def refuse(self, failure: Failure) -> None: ...


# Waiters alike in these can be placed on the same replicas: (alone, urgent, model, version, avoid).
Wants = tuple[bool, bool, str, int | None, Replica | None]


class Upstream:
    """Replicas behind one name. At most `max_in_flight_per_replica` calls are out on each, and one suspect's retry."""

    def __init__(self, name: str, policy: UpstreamPolicy, chance: random.Random, now_us: int) -> None:
        self.name = name
        self.policy = policy
        self.replicas: list[Replica] = []
        self.budget = RetryBudget(policy.retry, now_us)
        self._chance = chance
        self._placing = False
        self._queues: dict[Wants, deque[Waiter]] = {}  # none is empty
        self._waiting = {False: 0, True: 0}  # how many in all queues: suspects, by `alone`, have a bound of their own
        self._arrived = 0
        self._urgent_went = False  # the last one who waited and got a slot was urgent

    def acquire(self, waiter: Waiter) -> None:
        """Place the waiter now, or queue it, or refuse it when no replica serves it or the queue is full."""
        free, exists = self._find(waiter)
        if free is not None:
            self._occupy(waiter, free)
        elif not exists:
            waiter.refuse(self._no_replica(waiter))
        else:
            self._enqueue(waiter)

    def release(self, replica: Replica, alone: bool) -> None:
        """A call on the replica ended: its slot goes to who is next (`place_waiting`) and may run there."""
        replica.in_flight -= 1
        replica.suspects_out -= alone
        if self._queues:
            self.place_waiting()

    def place_waiting(self) -> None:
        """Place those that can be placed; refuse those that no replica serves now.

        Urgent ones and others take turns, of each by age: neither waits without end, however many come of the other.
        """
        if self._placing:  # a placed waiter ended at once: the loop below goes on with the next
            return
        self._placing = True
        try:
            while any(map(self._place_first, self._by_age())):
                pass
        finally:
            self._placing = False

    def _by_age(self) -> list[Wants]:
        if len(self._queues) == 1:
            return [*self._queues]
        return sorted(self._queues, key=lambda wants: (wants[1] == self._urgent_went, self._queues[wants][0].number))

    def _place_first(self, wants: Wants) -> bool:
        """Deal with the first waiter of a queue; False when it has to go on waiting."""
        queue = self._queues[wants]
        waiter, free, exists = queue[0], None, False
        if waiter.alive:
            free, exists = self._find(waiter)
            if free is None and exists:
                return False
        queue.popleft()
        self._waiting[waiter.alone] -= 1
        if not queue:
            del self._queues[wants]
        if free is not None:
            if not waiter.alone:
                self._urgent_went = waiter.urgent
            self._occupy(waiter, free)
        elif waiter.alive:
            waiter.refuse(self._no_replica(waiter))
        return True

    @property
    def up(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.up and replica.in_use]

    @property
    def queued(self) -> int:
        """Calls that wait for a slot."""
        return sum(self._waiting.values())

    def _pick(self, waiter: Waiter) -> Replica | None:
        """The less busy of two replicas picked at random, if both would do; with None all are to be looked at.

        Either way every pair of those that would do is as likely as any other.
        """
        replicas = self.replicas
        if waiter.alone or waiter.avoid is not None or not replicas:
            return None
        first, limit = replicas[0], self.policy.max_in_flight_per_replica
        if len(replicas) > 1:
            first, second = two_of(replicas, self._chance)
            if first.in_flight > second.in_flight:
                first, second = second, first
            if second.in_flight >= limit or not second.serves(waiter.model, waiter.version):
                return None
        return first if first.in_flight < limit and first.serves(waiter.model, waiter.version) else None

    def _find(self, waiter: Waiter) -> tuple[Replica | None, bool]:
        """(a replica with a free slot or None, whether any replica serves it at all)."""
        picked = self._pick(waiter)
        if picked is not None:
            return picked, True
        model, version, avoid = waiter.model, waiter.version, waiter.avoid
        serving = [replica for replica in self.replicas if replica.serves(model, version)]
        if avoid is not None and (waiter.alone or len(serving) > 1):
            serving = [replica for replica in serving if replica is not avoid]
        if waiter.alone:
            free = [replica for replica in serving if not replica.suspects_out]
        else:
            limit = self.policy.max_in_flight_per_replica
            free = [replica for replica in serving if replica.in_flight < limit]
        return (less_busy(free, self._chance) if free else None), bool(serving)

    def _occupy(self, waiter: Waiter, replica: Replica) -> None:
        replica.in_flight += 1
        replica.suspects_out += waiter.alone
        waiter.place(replica)

    def _enqueue(self, waiter: Waiter) -> None:
        bound, waiting = self.policy.max_queued_calls, self._waiting
        if waiting[waiter.alone] >= bound:
            self._drop_the_gone()
        if waiting[waiter.alone] >= bound and not waiter.urgent:
            waiter.refuse(Shed(f'{bound} calls already wait for a replica of upstream "{self.name}"'))
            return
        self._arrived += 1
        waiter.number = self._arrived
        wants = (waiter.alone, waiter.urgent, waiter.model, waiter.version, waiter.avoid)
        self._queues.setdefault(wants, deque()).append(waiter)
        waiting[waiter.alone] += 1

    def _drop_the_gone(self) -> None:
        left = {wants: deque(waiter for waiter in queue if waiter.alive) for wants, queue in self._queues.items()}
        self._queues = {wants: queue for wants, queue in left.items() if queue}
        for alone in self._waiting:
            self._waiting[alone] = sum([len(queue) for wants, queue in left.items() if wants[0] == alone])

    def _no_replica(self, waiter: Waiter) -> NoReplica:
        if not self.up:
            return NoReplica(f'upstream "{self.name}": none of its {len(self.replicas)} replicas is up')
        wanted = "" if waiter.version is None else f" version {waiter.version}"
        return NoReplica(f'upstream "{self.name}": no other replica has model "{waiter.model}"{wanted} available')
