"""One upstream with what the fleet keeps beside it: its addresses, what they resolved to, its watches, its models."""

from __future__ import annotations

import asyncio

from gateway.upstream.pool import Upstream
from gateway.upstream.resolve import Endpoint
from gateway.upstream.watch import ReplicaWatch


class Member:
    """Written by the fleet alone, but for `models`, to which discovery adds what it finds."""

    def __init__(self, upstream: Upstream, addresses: tuple[str, ...]) -> None:
        self.upstream = upstream
        self.addresses = addresses
        self.models: set[str] = set()
        self.resolved: dict[str, list[Endpoint]] = {}  # by configured address: what it meant when last asked
        self.watches: dict[str, tuple[ReplicaWatch, asyncio.Task[None]]] = {}
        self.resolver: asyncio.Task[None] | None = None
        self.renewing = asyncio.Lock()

    def watches_up(self) -> list[ReplicaWatch]:
        """The watches of replicas that can be asked now."""
        return [watch for watch, _ in self.watches.values() if watch.replica.up]
