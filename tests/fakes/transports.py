"""Either transport, for tests of what both must do: a client port, a connection to a replica, what they share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app.transport import Server
from gateway.http2.bounds import MIB, Bounds, Buffers
from gateway.server.grpcio import GrpcioServer
from gateway.server.http2 import Http2Server
from gateway.server.listen import Handle, Listen
from gateway.telemetry.counters import Counters
from gateway.upstream.connect import connector
from gateway.upstream.connection import Connection
from gateway.upstream.policy import Transport, UpstreamPolicy
from gateway.upstream.resolve import Endpoint
from gateway.upstream.wiring import Wiring

BOTH = tuple(Transport)


def make_wiring(bounds: Bounds | None = None) -> Wiring:
    """What connections of our own transport share; to be made in the running loop."""
    return Wiring.make(bounds or Bounds(), Buffers(1024 * MIB), Counter(), random.Random(7))


@asynccontextmanager
async def connected(
    address: str, policy: UpstreamPolicy, authority: str = "tfs.test:8500"
) -> AsyncIterator[Connection]:
    """A connection to a replica, over the policy's transport."""
    wiring = make_wiring()
    connection = connector(wiring)(Endpoint(address, f"ipv4:{address}", authority), policy)
    try:
        yield connection
    finally:
        await connection.close()


def make_server(transport: Transport, listen: Listen, handle: Handle, counters: Counters) -> Server:
    """A client port; not started."""
    if transport is Transport.GRPCIO:
        return GrpcioServer(listen, handle, counters)
    return Http2Server(listen, handle, counters, Buffers(1024 * MIB), Counter())
