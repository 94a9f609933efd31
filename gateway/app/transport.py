"""Our own transport, put together: what its connections share, and the server that the settings name."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from gateway.config.settings import Settings
from gateway.http2.bounds import Buffers
from gateway.server.health import Health
from gateway.server.http2 import Http2Server
from gateway.server.listen import Handle, Listen, TlsPaths
from gateway.telemetry.collector import Samples
from gateway.telemetry.counters import Counters
from gateway.upstream.wiring import Wiring


class Server(Protocol):
    """The client port, over either transport."""

    port: int

    @property
    def health(self) -> Health:
        """What its health service says."""

    @property
    def connections(self) -> int:
        """Clients connected now, where the transport knows."""

    @property
    def unfinished(self) -> int:
        """Clients that are owed the end of a call, where the transport knows."""

    async def start(self) -> None:
        """Listen. Raises: CannotListen; OSError for a certificate."""

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give those in flight `grace_s`, then end them."""

    async def renew_certificates(self) -> None:
        """Look for changed certificates now."""


class Transport:
    """One for a process: buffers and counts of what was turned away, shared by both sides."""

    def __init__(self, settings: Settings, chance: random.Random) -> None:
        """Must be made inside a running event loop."""
        self.buffers = Buffers(settings.http2.max_buffered_bytes)
        self.refused_clients: Counter[str] = Counter()
        self.refused_replicas: Counter[str] = Counter()
        self.wiring = Wiring.make(settings.http2.bounds, self.buffers, self.refused_replicas, chance)
        self._settings = settings
        self._server: Server | None = None

    def server(self, handle: Handle, counters: Counters) -> Server:
        """The server of the settings' transport; not started."""
        listen = listen_of(self._settings)
        if self._settings.server.transport == "grpcio":
            from gateway.server.grpcio import GrpcioServer  # costs memory and time only where it is wanted

            self._server = GrpcioServer(listen, handle, counters)
        else:
            self._server = Http2Server(listen, handle, counters, self.buffers, self.refused_clients)
        return self._server

    def copy_counts(self, counters: Counters) -> None:
        """Overwrite what `counters` has of us, before each scrape."""
        for side, refused in (("client", self.refused_clients), ("replica", self.refused_replicas)):
            for bound, count in refused.items():
                counters.transport_refused.series[side, bound] = count
        if self.buffers.refused:
            counters.transport_refused.series["process", "buffers"] = self.buffers.refused

    def connections(self) -> Samples:
        """The gauge of clients connected."""
        return [] if self._server is None else [((), float(self._server.connections))]

    def buffered(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """The gauge of bytes held."""
        yield (), float(self.buffers.held_bytes)


def listen_of(settings: Settings) -> Listen:
    """What the client port needs."""
    server, tls = settings.server, settings.server.tls
    return Listen(
        host=server.host,
        port=server.port,
        unix_socket=server.unix_socket,
        default_timeout_s=server.default_timeout_s,
        tls=None if tls is None else TlsPaths(tls.cert_file, tls.key_file, tls.client_ca_file),
        bounds=settings.http2.bounds,
        max_connections=settings.http2.max_connections,
        max_streaming_calls=settings.http2.max_streaming_calls,
    )
