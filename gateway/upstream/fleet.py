"""All upstreams and the tasks that keep them true: name resolution, one watch a replica, retirement."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable

import structlog

from gateway.call import monotonic_us
from gateway.upstream.catalog import Catalog
from gateway.upstream.connect import Connect
from gateway.upstream.discover import Discovery
from gateway.upstream.member import Member
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import Replica
from gateway.upstream.resolve import Endpoint, resolve
from gateway.upstream.watch import Changed, ReplicaWatch

FIRST_LOOK_S = 10.0
RETIRE_ROUND_S = 0.1
RETIRE_ROUNDS = 300

log = structlog.get_logger("upstream")

# "host:port" -> what it means now. Raises: OSError when the name can't be resolved.
Resolve = Callable[[str], Awaitable[list[Endpoint]]]


class Fleet:
    """Owner of every upstream, its connections and its tasks; `close` ends them all.

    `changed` is told by each replica for itself; `searched`, at the end of a search, once all of them have answered.
    """

    def __init__(
        self,
        changed: Changed,
        chance: random.Random,
        connect: Connect,
        resolve: Resolve = resolve,
        searched: Changed | None = None,
    ) -> None:
        self.catalog = Catalog()
        self._changed = changed
        self._chance = chance
        self._connect = connect
        self._resolver = resolve
        self._members: dict[str, Member] = {}
        self._discovery = Discovery(self._members, searched or changed)
        self.discover = self._discovery.discover
        self._background: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def upstreams(self) -> dict[str, Upstream]:
        return {name: member.upstream for name, member in self._members.items()}

    def upstream(self, name: str) -> Upstream:
        return self._members[name].upstream

    async def add(self, name: str, addresses: tuple[str, ...], policy: UpstreamPolicy, models: set[str]) -> None:
        """Start an upstream: resolve, look at every replica once, then keep looking.

        One of that name is followed by the new one without a gap: its calls in flight finish first. With an unchanged
        policy it only gets the new addresses and models. Raises: OSError for a certificate that can't be read.
        """
        old = self._members.get(name)
        if old is not None and old.upstream.policy == policy:
            old.addresses = addresses
            self.watch_models(name, models)
            await self._renew(old)
            return
        member = Member(Upstream(name, policy, self._chance, monotonic_us()), addresses)
        member.models |= models if old is None else models | old.models
        try:
            await self._renew(member)
        except BaseException:  # also when cancelled: nobody else knows of its watches
            self._in_background(self._dismiss(member))
            raise
        self._members[name] = member
        member.resolver = asyncio.create_task(self._keep_renewing(member), name=f"resolve {name}")
        for model in sorted(member.models):
            self._changed(name, model)
        if old is not None:
            self._in_background(self._dismiss(old))

    def watch_models(self, name: str, models: set[str]) -> None:
        """Look at these models too, from now on."""
        member = self._members[name]
        if not models <= member.models:
            member.models |= models
            self.poke(name)

    def forget_model(self, name: str, model: str) -> None:
        """Look at this discovered model no more."""
        self._members[name].models.discard(model)

    def poke(self, name: str) -> None:
        """Look again at once."""
        for replica in self._members[name].upstream.replicas:
            replica.poke()

    def remove(self, name: str) -> None:
        """Give the upstream no new calls; those in flight finish in the background."""
        self._in_background(self._dismiss(self._members.pop(name)))
        self.catalog.forget(name)

    async def close(self) -> None:
        """End every task and connection now; whoever closes has waited for the calls."""
        self._closing = True
        await self._discovery.close()
        for name in tuple(self._members):
            self._in_background(self._dismiss(self._members.pop(name)))
        while self._background:
            await asyncio.wait(self._background)

    async def _keep_renewing(self, member: Member) -> None:
        while True:
            await asyncio.sleep(member.upstream.policy.resolve_interval_s)
            try:
                await self._renew(member)
            except OSError as error:  # the old replicas stay
                log.warning("no connection made", upstream=member.upstream.name, error=str(error))

    async def _renew(self, member: Member) -> None:
        """Bring the replicas in line with what the names mean now: new ones come before old ones go.

        Raises: OSError for a certificate that can't be read.
        """
        async with member.renewing:
            wanted = await self._wanted(member)
            fresh = [
                self._take_in(member, endpoint) for address, endpoint in wanted.items() if address not in member.watches
            ]
            await _first_look(member, fresh)
            any_up = any(member.watches[address][0].replica.up for address in wanted)
            for address in tuple(member.watches.keys() - wanted.keys()):
                if any_up or not member.watches[address][0].replica.up:
                    watch, task = member.watches.pop(address)
                    self._in_background(self._retire(member, watch, task))

    async def _wanted(self, member: Member) -> dict[str, Endpoint]:
        """By address, what the configured names mean; one that can't be resolved now means what it did."""
        for spec in member.addresses:
            try:
                member.resolved[spec] = await self._resolver(spec)
            except OSError as error:
                log.warning("name not resolved", upstream=member.upstream.name, name=spec, error=str(error))
        return {endpoint.address: endpoint for spec in member.addresses for endpoint in member.resolved.get(spec, [])}

    def _take_in(self, member: Member, endpoint: Endpoint) -> ReplicaWatch:
        replica = Replica(endpoint.address, self._connect(endpoint, member.upstream.policy))
        watch = ReplicaWatch(member.upstream, replica, member.models, self.catalog, self._changed)
        task = asyncio.create_task(watch.run(), name=f"watch {endpoint.address}")
        member.watches[endpoint.address] = (watch, task)
        member.upstream.replicas.append(replica)
        return watch

    async def _dismiss(self, member: Member) -> None:
        if member.resolver is not None:
            await _end(member.resolver)
        leaving = [self._retire(member, watch, task) for watch, task in member.watches.values()]
        member.watches = {}
        await asyncio.gather(*leaving)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _retire(self, member: Member, watch: ReplicaWatch, task: asyncio.Task[None]) -> None:
        """Give a replica no new calls, let those in flight finish for a while, then close its connection."""
        replica = watch.replica
        replica.in_use = False
        await _end(task)
        for _ in range(RETIRE_ROUNDS):
            if not replica.in_flight or self._closing:
                break
            await asyncio.sleep(RETIRE_ROUND_S)
        member.upstream.replicas.remove(replica)
        await replica.connection.close()


async def _first_look(member: Member, watches: Iterable[ReplicaWatch]) -> None:
    """Wait until each was looked at once; one that hangs is not waited for without end."""
    try:
        async with asyncio.timeout(FIRST_LOOK_S):
            for watch in watches:
                await watch.looked.wait()
    except TimeoutError:
        log.warning("a replica does not answer", upstream=member.upstream.name, waited_s=FIRST_LOOK_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
