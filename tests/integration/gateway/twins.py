"""Two gateways before one fake replica, one for each transport, and everything that tells them apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from gateway.upstream.policy import Transport
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing, Fault, Received
from tests.fakes.gateway_process import GatewayProcess, write_config
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import CLASSIFY, STATUS
from tests.fakes.transports import BOTH
from tests.fakes.waiting import until

Metadata = tuple[tuple[str, str | bytes], ...]
FILE = "    retry: {max_attempts: 1}\ndefault_upstream: pool\nbatching: {mode: 'off'}\n"
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

# gRPC's C-core rounds the seconds that it tells up by a hundredth at most. The client does, and a gateway over grpcio.
ROUNDING = 0.01
# What the replica sees of the transports themselves: their names.
OWN_OF_REQUESTS = frozenset({"user-agent"})


@dataclass(frozen=True)
class Call:
    """One call as a client makes it, and what befalls it at the replica. `cancel`: the client leaves it there."""

    message: bytes
    path: str = CLASSIFY
    metadata: Metadata = ()
    timeout_s: float | None = None
    hangs: bool = False
    cancel: bool = False
    compression: grpc.Compression | None = None
    code: grpc.StatusCode | None = None
    details: str = ""
    trailers: Metadata = ()

    @property
    def arrives(self) -> bool:
        """Whether it surely reaches the replica, and its end is the gateway's word.

        One whose time is up may not arrive, and is ended by whose clock is first: the client's, which has no trailers.
        """
        return self.timeout_s is None or self.timeout_s >= 10


@dataclass
class Told:
    """What the client heard and what the replica saw."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str | None = ""
    reply: bytes = b""
    initial: list[tuple[str, str | bytes]] = field(default_factory=list)
    trailing: list[tuple[str, str | bytes]] = field(default_factory=list)
    seen: list[tuple[object, ...]] = field(default_factory=list)


class Twins:
    """`start`, `tell` one call to both, `stop`."""

    def __init__(self, folder: Path) -> None:
        self.replica = FakeReplica(FakeServing({"digits": FakeModel({1: AVAILABLE})}))
        self._folder = folder
        self._gateways: list[GatewayProcess] = []
        self._channels: dict[Transport, grpc.aio.Channel] = {}

    async def start(self) -> None:
        address = await self.replica.start()
        for transport in BOTH:
            folder = self._folder / transport
            folder.mkdir()
            write_config(folder / "gateway.yaml", [address], FILE, transport)
            gateway = GatewayProcess(folder, "--config", str(folder / "gateway.yaml"))
            self._gateways.append(gateway)
            await gateway.start()
            self._channels[transport] = grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}", options=OPTIONS)

    async def stop(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        for gateway in self._gateways:
            await gateway.stop()
        await self.replica.stop()

    async def tell(self, call: Call) -> dict[Transport, Told]:
        """The same call through each, one after the other."""
        return {transport: await self._tell(call, transport) for transport in BOTH}

    async def _tell(self, call: Call, transport: Transport) -> Told:
        channel, hops = self._channels[transport], 1 if transport is Transport.HTTP2 else 2
        replica, method = self.replica, call.path.rpartition("/")[2]
        release = asyncio.Event()
        if call.hangs or call.code is not None:
            hang = release if call.hangs else None
            replica.inject(Fault(method, call.code, call.details, call.trailers, hang))
        before = len(replica.calls(method))
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(call.path)
        going = unary(call.message, timeout=call.timeout_s, metadata=call.metadata, compression=call.compression)
        told = Told()
        if call.cancel:
            await until(lambda: len(replica.calls(method)) > before, "the call to arrive")
            going.cancel()
            await until(lambda: replica.calls(method)[-1].cancelled, "the replica to hear of it")
        try:
            told.reply = await going
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            told.code, told.details = await going.code(), await going.details()
        release.set()
        replica.recover()
        if call.arrives:
            told.initial = sorted_entries(await going.initial_metadata())
            told.trailing = sorted_entries(await going.trailing_metadata())
            # Of statuses the replica also sees what the gateways ask by themselves.
            came = [] if call.path == STATUS else replica.calls(method)[before:]
            told.seen = [_seen(entry, call, hops) for entry in came]
        return told


def sorted_entries(entries: object) -> list[tuple[str, str | bytes]]:
    """Metadata as a multiset; text before bytes."""
    pairs = [(str(key), value) for key, value in entries or ()]  # type: ignore[attr-defined]  # a grpc type of its own
    key: Callable[[tuple[str, str | bytes]], tuple[str, bool, str | bytes]]
    key = lambda pair: (pair[0], isinstance(pair[1], bytes), pair[1])  # noqa: E731 - one expression, typed
    return sorted(pairs, key=key)


def _seen(entry: Received, call: Call, hops: int) -> tuple[object, ...]:
    """Equal for calls that look alike to a replica. Asserts that a deadline is no longer than the client's."""
    limit_s = entry.timeout_s
    if call.timeout_s is not None:
        assert limit_s is not None
        assert limit_s <= call.timeout_s * (1 + ROUNDING * hops) + 0.05
    metadata = sorted_entries((key, value) for key, value in entry.entries if key not in OWN_OF_REQUESTS)
    return (entry.method, metadata, entry.message, limit_s is not None and limit_s < 1e6, entry.cancelled)
