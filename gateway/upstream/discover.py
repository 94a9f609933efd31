"""Finds models that no route names: asks all replicas, once a name at a time, bounded altogether."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from gateway.call import monotonic_us
from gateway.errors import Failure, NoReplica, Shed
from gateway.upstream.member import Member
from gateway.upstream.watch import Changed, Heard

MAX_DISCOVERED = 10_000
MAX_SEARCHES = 64
MAX_UNKNOWN = 1024
UNKNOWN_FOR_US = 1_000_000

# Told when a search is over. None: the replicas have answered, and who listens to `changed` knows what; else the
# reason why nobody can say now whether they have the model.
Then = Callable[[Failure | None], None]
Key = tuple[str, str]  # (upstream, model)


class Discovery:
    """Owner of the searches. `members` is the fleet's own, looked at when a search begins."""

    def __init__(self, members: Mapping[str, Member], changed: Changed) -> None:
        self._members = members
        self._changed = changed
        self._searches: dict[Key, list[Then]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unknown: OrderedDict[Key, int] = OrderedDict()

    def discover(self, upstream: str, model: str, then: Then) -> None:
        """Ask all replicas that are up; `then` runs once, later or at once."""
        key = (upstream, model)
        until_us = self._unknown.get(key)
        if until_us is not None and monotonic_us() < until_us:
            then(None)
        elif key in self._searches:
            self._searches[key].append(then)
        elif len(self._searches) >= MAX_SEARCHES:
            then(Shed(f"{MAX_SEARCHES} models are being looked for already; try again later"))
        else:
            self._searches[key] = [then]
            task = asyncio.create_task(self._search(key), name=f"search {model}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every search; who waits is told that nobody can say."""
        for task in tuple(self._tasks):
            task.cancel()
            await asyncio.wait([task])
        for key in tuple(self._searches):  # of tasks that were ended before their first step
            self._end(key, NoReplica(f'upstream "{key[0]}" is being closed'))

    async def _search(self, key: Key) -> None:
        """Ask everyone, learn what they say, and tell all who wait, whatever happens."""
        upstream, model = key
        doubt: Failure | None = NoReplica(f'upstream "{upstream}": nobody could be asked for model "{model}"')
        try:
            member = self._members.get(upstream)
            if member is not None:
                watches = member.watches_up()
                heard = await asyncio.gather(*(watch.ask_status(model) for watch in watches))
                if any(watch.replica.states(model) for watch in watches):
                    doubt = self._known(member, key)
                elif heard and all(each is Heard.NO_MODEL for each in heard):
                    self._not_known(member, key)
                    doubt = None
                elif heard:
                    doubt = NoReplica(f'upstream "{upstream}": a replica could not say whether it has model "{model}"')
                self._changed(*key)  # a replica may have died since the last change was told
        finally:
            self._end(key, doubt)

    def _end(self, key: Key, doubt: Failure | None) -> None:
        for then in self._searches.pop(key):
            then(doubt)

    def _known(self, member: Member, key: Key) -> Failure | None:
        """A model that exists is watched from now on, if there is room."""
        self._unknown.pop(key, None)
        if key[1] not in member.models and len(member.models) >= MAX_DISCOVERED:
            _drop(member, key[1])
            return Shed(f"{MAX_DISCOVERED} models are watched already; no more are taken in")
        member.models.add(key[1])
        return None

    def _not_known(self, member: Member, key: Key) -> None:
        """A model that doesn't exist costs no memory, and no search for a while."""
        _drop(member, key[1])
        self._unknown[key] = monotonic_us() + UNKNOWN_FOR_US
        self._unknown.move_to_end(key)
        if len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)


def _drop(member: Member, model: str) -> None:
    for watch, _ in member.watches.values():
        watch.replica.drop(model)
