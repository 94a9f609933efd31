"""One upstream: its replicas, the slots on them, and the bounded queue of calls that wait for a slot."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable

from gateway.errors import Failure, NoReplica, Shed
from gateway.limits.retry_budget import RetryBudget
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.replica import Replica, less_busy


class Waiter:
    """A call that wants a slot on a replica that serves (model, version): `place` runs it there, `refuse` ends it."""

    __slots__ = ("alive", "alone", "avoid", "model", "place", "refuse", "version")

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
        self.alive = True  # False: cancelled or expired, skipped when its turn comes


class Upstream:
    """Replicas behind one name. At most `max_in_flight_per_replica` calls are out on each."""

    def __init__(self, name: str, policy: UpstreamPolicy, chance: random.Random, now_us: int) -> None:
        self.name = name
        self.policy = policy
        self.replicas: list[Replica] = []
        self.budget = RetryBudget(policy.retry, now_us)
        self.out: Counter[tuple[str, int | None]] = Counter()  # calls in flight by (model, version)
        self._chance = chance
        self._placing = False
        self._queues: dict[bool, deque[Waiter]] = {False: deque(), True: deque()}  # by Waiter.alone

    def acquire(self, waiter: Waiter) -> None:
        """Place the waiter now, or queue it, or refuse it when no replica serves it or the queue is full."""
        free, exists = self._find(waiter)
        if free is not None:
            self._occupy(waiter, free)
        elif not exists:
            waiter.refuse(self._no_replica(waiter))
        else:
            self._enqueue(waiter)

    def release(self, replica: Replica, model: str, version: int | None, alone: bool) -> None:
        """A call on the replica ended: its slot goes to whoever waits longest and may run there."""
        replica.in_flight -= 1
        replica.suspects_out -= alone
        self.out[model, version] -= 1
        if not self.out[model, version]:
            del self.out[model, version]
        self.place_waiting()

    def place_waiting(self) -> None:
        """Place waiters in order while the first can be placed; refuse those no replica serves any more."""
        if self._placing:  # a placed waiter ended at once: the loop below goes on with the next
            return
        self._placing = True
        try:
            for queue in self._queues.values():
                while queue and self._place_first(queue):
                    pass
        finally:
            self._placing = False

    def _place_first(self, queue: deque[Waiter]) -> bool:
        """Deal with the first waiter; False when it has to go on waiting."""
        waiter = queue[0]
        if waiter.alive:
            free, exists = self._find(waiter)
            if free is None and exists:
                return False
            queue.popleft()
            if free is None:
                waiter.refuse(self._no_replica(waiter))
            else:
                self._occupy(waiter, free)
        else:
            queue.popleft()
        return True

    @property
    def up(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.up and replica.in_use]

    @property
    def queued(self) -> int:
        """Calls that wait for a slot."""
        return sum(len(queue) for queue in self._queues.values())

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
        self.out[waiter.model, waiter.version] += 1
        waiter.place(replica)

    def _enqueue(self, waiter: Waiter) -> None:
        queue, bound = self._queues[waiter.alone], self.policy.max_queued_calls
        if len(queue) >= bound:
            queue = self._queues[waiter.alone] = deque(queued for queued in queue if queued.alive)
        if len(queue) >= bound:
            waiter.refuse(Shed(f'{bound} calls already wait for a replica of upstream "{self.name}"'))
        else:
            queue.append(waiter)

    def _no_replica(self, waiter: Waiter) -> NoReplica:
        if not self.up:
            return NoReplica(f'upstream "{self.name}": none of its {len(self.replicas)} replicas is up')
        wanted = "" if waiter.version is None else f" version {waiter.version}"
        return NoReplica(f'upstream "{self.name}": no other replica has model "{waiter.model}"{wanted} available')
