"""All upstreams and the tasks that keep them true: name resolution, one watch a replica, discovery of models."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from gateway.call import monotonic_us
from gateway.upstream.catalog import Catalog
from gateway.upstream.connection import GrpcioConnection
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import Replica
from gateway.upstream.resolve import Endpoint, resolve
from gateway.upstream.watch import Changed, ReplicaWatch

MAX_DISCOVERED = 10_000
MAX_SEARCHES = 64
MAX_UNKNOWN = 1024
UNKNOWN_FOR_US = 1_000_000
RETIRE_ROUND_S = 0.1
RETIRE_ROUNDS = 300

log = structlog.get_logger("upstream")

# "host:port" -> what it means now. Raises: OSError when the name can't be resolved.
Resolve = Callable[[str], Awaitable[list[Endpoint]]]


class Member:
    """One upstream with what the fleet keeps beside it."""

    def __init__(self, upstream: Upstream, addresses: tuple[str, ...]) -> None:
        self.upstream = upstream
        self.addresses = addresses
        self.models: set[str] = set()
        self.watches: dict[str, tuple[ReplicaWatch, asyncio.Task[None]]] = {}
        self.resolver: asyncio.Task[None] | None = None


class Fleet:
    """Owner of every upstream, its connections and its tasks; `close` ends them all."""

    def __init__(self, changed: Changed, chance: random.Random, resolve: Resolve = resolve) -> None:
        self.catalog = Catalog()
        self._changed = changed
        self._chance = chance
        self._resolver = resolve
        self._members: dict[str, Member] = {}
        self._searches: dict[tuple[str, str], list[Callable[[bool], None]]] = {}
        self._search_tasks: set[asyncio.Task[None]] = set()
        self._unknown: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def upstreams(self) -> dict[str, Upstream]:
        return {name: member.upstream for name, member in self._members.items()}

    def upstream(self, name: str) -> Upstream:
        return self._members[name].upstream

    async def add(self, name: str, addresses: tuple[str, ...], policy: UpstreamPolicy, models: set[str]) -> None:
        """Start an upstream: resolve, look at every replica once, then keep looking.

        One of that name is followed by the new one without a gap: its calls in flight finish first. With an unchanged
        policy it only gets the new addresses and models.
        """
        old = self._members.get(name)
        if old is not None and old.upstream.policy == policy:
            old.addresses = addresses
            self.watch_models(name, models)
            await self._resolve(old)
            return
        member = Member(Upstream(name, policy, self._chance, monotonic_us()), addresses)
        member.models |= models if old is None else models | old.models
        await self._resolve(member)
        await asyncio.gather(*(watch.looked.wait() for watch, _ in member.watches.values()))
        self._members[name] = member
        member.resolver = asyncio.create_task(self._keep_resolving(member), name=f"resolve {name}")
        for model in sorted(member.models):
            self._changed(name, model)
        if old is not None:
            self._in_background(self._dismiss(old, RETIRE_ROUNDS))

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
        self._in_background(self._dismiss(self._members.pop(name), RETIRE_ROUNDS))

    async def close(self) -> None:
        """End every task and connection now; whoever closes has waited for the calls."""
        for task in tuple(self._search_tasks | self._background):
            await _end(task)
        for name in tuple(self._members):
            await self._dismiss(self._members.pop(name), rounds=0)

    def discover(self, name: str, model: str, found: Callable[[bool], None]) -> None:
        """Ask all replicas whether they know a model no route names. One search a name, and bounded altogether."""
        key = (name, model)
        until_us = self._unknown.get(key)
        if until_us is not None and monotonic_us() < until_us:
            found(False)
        elif key in self._searches:
            self._searches[key].append(found)
        elif len(self._searches) >= MAX_SEARCHES:
            found(False)
        else:
            self._searches[key] = [found]
            task = asyncio.create_task(self._search(key), name=f"search {model}")
            self._search_tasks.add(task)
            task.add_done_callback(self._search_tasks.discard)

    async def _search(self, key: tuple[str, str]) -> None:
        member, model, known = self._members[key[0]], key[1], False
        try:
            watches = [watch for watch, _ in member.watches.values() if watch.replica.up]
            await asyncio.gather(*(watch.ask_status(model) for watch in watches))
            known = any(watch.replica.states(model) for watch in watches)
            if known and len(member.models) < MAX_DISCOVERED:
                member.models.add(model)
                self._unknown.pop(key, None)
            elif not known:
                for watch in watches:
                    watch.replica.drop(model)
                self._unknown[key] = monotonic_us() + UNKNOWN_FOR_US
                if len(self._unknown) > MAX_UNKNOWN:
                    self._unknown.popitem(last=False)
            self._changed(*key)
        finally:
            for found in self._searches.pop(key):
                found(known)

    async def _keep_resolving(self, member: Member) -> None:
        while True:
            await asyncio.sleep(member.upstream.policy.resolve_interval_s)
            await self._resolve(member)

    async def _resolve(self, member: Member) -> None:
        """Bring the replicas in line with what the names mean now; a name that can't be resolved keeps what it had."""
        wanted = {}
        try:
            for spec in member.addresses:
                wanted.update({endpoint.address: endpoint for endpoint in await self._resolver(spec)})
        except OSError as error:
            log.warning("name not resolved", upstream=member.upstream.name, error=str(error))
            return
        for address in tuple(member.watches.keys() - wanted.keys()):
            self._in_background(self._retire(member, address, RETIRE_ROUNDS))
        for address in wanted.keys() - member.watches.keys():
            endpoint = wanted[address]
            connection = GrpcioConnection(endpoint.target, endpoint.authority, member.upstream.policy)
            replica = Replica(address, connection)
            watch = ReplicaWatch(member.upstream, replica, member.models, self.catalog, self._changed)
            member.watches[address] = (watch, asyncio.create_task(watch.run(), name=f"watch {address}"))
            member.upstream.replicas.append(replica)

    async def _dismiss(self, member: Member, rounds: int) -> None:
        if member.resolver is not None:
            await _end(member.resolver)
        await asyncio.gather(*(self._retire(member, address, rounds) for address in tuple(member.watches)))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _retire(self, member: Member, address: str, rounds: int) -> None:
        """Give a replica no new calls, let those in flight finish for so many rounds, then close its connection."""
        watch, task = member.watches.pop(address)
        replica = watch.replica
        replica.in_use = False
        await _end(task)
        for _ in range(rounds):
            if not replica.in_flight:
                break
            await asyncio.sleep(RETIRE_ROUND_S)
        member.upstream.replicas.remove(replica)
        await replica.connection.close()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
