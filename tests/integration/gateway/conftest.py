"""Fake replicas in the test's own loop, and gateways in child processes before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.upstream.policy import Transport
from tests.fakes.behaviour import FakeServing
from tests.fakes.gateway_process import GatewayProcess, write_config
from tests.fakes.replica import FakeReplica
from tests.fakes.transports import BOTH

StartReplica = Callable[..., Awaitable[FakeReplica]]
StartGateway = Callable[..., Awaitable[GatewayProcess]]


@pytest.fixture
async def start_replica() -> AsyncIterator[StartReplica]:
    """Start a fake replica: `await start_replica(serving, address)`; all are stopped at the end."""
    started: list[FakeReplica] = []

    async def start(serving: FakeServing | None = None, address: str = "127.0.0.1:0") -> FakeReplica:
        replica = FakeReplica(serving)
        await replica.start(address)
        started.append(replica)
        return replica

    yield start
    for replica in started:
        await replica.stop()


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Start a gateway with these arguments; all are stopped at the end."""
    started: list[GatewayProcess] = []

    async def start(*arguments: str) -> GatewayProcess:
        folder = tmp_path / f"gateway{len(started)}"
        folder.mkdir()
        gateway = GatewayProcess(folder, *arguments)
        started.append(gateway)
        await gateway.start()
        return gateway

    yield start
    for gateway in started:
        await gateway.stop()


@dataclass(frozen=True, slots=True)
class House:
    """Two replicas and a gateway that follows their models, shared by a module's tests: each takes its own model."""

    gateway: GatewayProcess
    replicas: tuple[FakeReplica, FakeReplica]

    def serve(self, model: str, *states: dict[int, int]) -> None:
        """Both replicas have the model in these states: one dictionary for each, or one for both."""
        for replica, each in zip(self.replicas, states * 2, strict=False):
            replica.serving.put(model, each)

    def calls(self, method: str = "Predict") -> int:
        """How many calls of the method the replicas saw so far."""
        return sum(len(replica.calls(method)) for replica in self.replicas)


@pytest.fixture(scope="module", params=[Transport.HTTP2])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Of the gateway, towards clients and replicas. Tests of what crosses the wire ask for `over_both`."""
    return Transport(request.param)


over_both = pytest.mark.parametrize("transport", BOTH, indirect=True, scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(transport: Transport, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    replicas = (FakeReplica(FakeServing({})), FakeReplica(FakeServing({})))
    addresses = [await replica.start() for replica in replicas]
    folder = tmp_path_factory.mktemp("house")
    write_config(folder / "gateway.yaml", addresses, transport=transport)
    gateway = GatewayProcess(folder, "--config", str(folder / "gateway.yaml"))
    try:
        await gateway.start()
        yield House(gateway, replicas)
    finally:
        await gateway.stop()
        for replica in replicas:
            await replica.stop()


def flags(addresses: str) -> tuple[str, ...]:
    """A gateway without a file, on free ports."""
    return ("--upstream", addresses, "--port", "0", "--http-port", "0")


def before(folder: Path, transport: Transport, addresses: Sequence[str], server: str = "") -> tuple[str, str]:
    """What flags() gives, from a file in `folder`: over that transport, with more keys for `server`."""
    path = folder / "gateway.yaml"
    write_config(path, addresses, transport=transport, server=server)
    return ("--config", str(path))
