"""One upstream: its replicas, the slots on them, and the bounded queue of calls that wait for a slot."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from gateway.errors import Failure, NoReplica, Shed
from gateway.limits.retry_budget import RetryBudget
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.replica import Replica, less_busy


class Waiter:
    """A call that wants a slot on a replica that serves (model, version): `place` runs it there, `refuse` ends it."""

    __slots__ = ("alive", "alone", "avoid", "model", "number", "place", "refuse", "version")

    def __init__(
        self,
        model: str,
        version: int | None,
        place: Callable[[Replica], None],
        refuse: Callable[[Failure], None],
        avoid: Replica | None = None,
        alone: bool = False,
    ) -> None:
        self.model = model
        self.version = version
        self.place = place
        self.refuse = refuse
        self.avoid = avoid  # a replica that failed this call before: only if there is no other
        self.alone = alone  # a suspect: at most one on a replica at a time, and never where it failed before
        self.number = 0  # given when it begins to wait: who came first
        self.alive = True  # False: cancelled or expired, skipped when its turn comes


# Waiters alike in these can be placed on the same replicas: (alone, model, version, avoid).
Wants = tuple[bool, str, int | None, Replica | None]


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
        self._arrived = 0

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
        """A call on the replica ended: its slot goes to whoever waits longest and may run there."""
        replica.in_flight -= 1
        replica.suspects_out -= alone
        self.place_waiting()

    def place_waiting(self) -> None:
        """Place who waits longest of those that can be placed; refuse those whom no replica serves any more."""
        if self._placing:  # a placed waiter ended at once: the loop below goes on with the next
            return
        self._placing = True
        try:
            while any(self._place_first(wants) for wants in self._by_age()):
                pass
        finally:
            self._placing = False

    def _by_age(self) -> list[Wants]:
        return sorted(self._queues, key=lambda wants: self._queues[wants][0].number)

    def _place_first(self, wants: Wants) -> bool:
        """Deal with the first waiter of a queue; False when it has to go on waiting."""
        queue = self._queues[wants]
        waiter, free, exists = queue[0], None, False
        if waiter.alive:
            free, exists = self._find(waiter)
            if free is None and exists:
                return False
        queue.popleft()
        if not queue:
            del self._queues[wants]
        if free is not None:
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
        return sum(map(len, self._queues.values()))

    def _find(self, waiter: Waiter) -> tuple[Replica | None, bool]:
        """(a replica with a free slot or None, whether any replica serves it at all)."""
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
        bound = self.policy.max_queued_calls
        if self._waiting(waiter.alone) >= bound:
            self._drop_the_gone()
        if self._waiting(waiter.alone) >= bound:
            waiter.refuse(Shed(f'{bound} calls already wait for a replica of upstream "{self.name}"'))
            return
        self._arrived += 1
        waiter.number = self._arrived
        wants = (waiter.alone, waiter.model, waiter.version, waiter.avoid)
        self._queues.setdefault(wants, deque()).append(waiter)

    def _waiting(self, alone: bool) -> int:
        """Suspects and other calls have a bound each."""
        return sum([len(queue) for wants, queue in self._queues.items() if wants[0] == alone])

    def _drop_the_gone(self) -> None:
        left = {wants: deque(waiter for waiter in queue if waiter.alive) for wants, queue in self._queues.items()}
        self._queues = {wants: queue for wants, queue in left.items() if queue}

    def _no_replica(self, waiter: Waiter) -> NoReplica:
        if not self.up:
            return NoReplica(f'upstream "{self.name}": none of its {len(self.replicas)} replicas is up')
        wanted = "" if waiter.version is None else f" version {waiter.version}"
        return NoReplica(f'upstream "{self.name}": no other replica has model "{waiter.model}"{wanted} available')
