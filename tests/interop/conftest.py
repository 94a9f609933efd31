"""Started gateways of both transports, and the programs of tests/peers, built once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.interop import peers
from tests.interop.house import TRANSPORTS, gateway

_built: set[str] = set()


@dataclass(frozen=True, slots=True)
class Front:
    """A gateway before one fake replica, shared by all tests: they leave it as they found it."""

    transport: str
    gateway: GatewayProcess
    replica: FakeReplica


@pytest.fixture(scope="session", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The gateway's transport, towards clients and replicas."""
    return str(request.param)


@pytest.fixture(scope="session", params=peers.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """The peers' language, its programs built."""
    chosen = str(request.param)
    if reason := peers.missing(chosen):
        pytest.skip(reason)
    if chosen not in _built:
        peers.build(chosen)
        _built.add(chosen)
    return chosen


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started(transport: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    replica = FakeReplica()
    process = gateway(tmp_path_factory.mktemp("front"), transport, [await replica.start()])
    try:
        await process.start()
        yield Front(transport, process, replica)
    finally:
        await process.stop()
        await replica.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def front(started: Front) -> Front:
    """The gateway, with its replica up: while tests ran that block, the replica's loop stood still."""
    await started.gateway.metric_reaches(1, "tidegate_replica_up")
    return started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def connected(family: str, started: Front) -> AsyncIterator[peers.Peer]:
    peer = peers.Peer(family, "client", f"127.0.0.1:{started.gateway.port}")
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
def client(connected: peers.Peer, front: Front) -> peers.Peer:
    """A client program of that language, connected to the gateway."""
    return connected
