"""Listens for clients: sockets, links, their bounds in number and time, drained in two stages."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.server import ServerConnection
from gateway.http2.shell.door import TlsDoor
from gateway.http2.shell.flusher import Flusher
from gateway.http2.shell.link import Link, now_us
from gateway.http2.stream import Event, HeaderBlock, Message, Stream

TICK_S = 1.0
GOODBYE_US = 2_000_000  # how long a connection that ended by a fault waits for its peer's end
BACKLOG = 1024


class Service(Protocol):
    """Who answers the calls. Both run within the loop's turn and must not block."""

    def told(self, link: ServerLink, event: Event) -> None:
        """Something happened to a call of this link."""

    def lost(self, stream: Stream) -> None:
        """A call's connection is gone."""


class ServerLink(Link[ServerConnection]):
    """One client's connection."""

    def __init__(self, connection: ServerConnection, listener: Listener) -> None:
        service = listener.service
        super().__init__(connection, listener.flusher, partial(service.told, self), listener.lost_streams)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._listener.admit(self, transport.get_extra_info("ssl_object") is not None):
            super().connection_made(transport)
        else:
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.links.discard(self)
        super().connection_lost(error)

    def respond(self, stream: Stream, head: HeaderBlock, message: Message, tail: HeaderBlock) -> bool:
        """See ServerConnection.respond."""
        if not self.marked:
            self._flusher.mark(self)
        return self.connection.respond(stream, head, message, tail)

    def respond_without(self, stream: Stream, block: HeaderBlock) -> None:
        """See ServerConnection.respond_without."""
        self.mark()
        self.connection.respond_without(stream, block)

    def unfinished(self, now: int) -> bool:
        """Whether a call is open that has an end, or bytes of one are on their way out."""
        if any(not stream.streaming for stream in self.connection.streams.values()):
            return True
        if self.closing_us is not None and now - self.closing_us < GOODBYE_US:
            return True  # over TLS nobody tells how much is still to be written
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def _finished(self) -> bool:
        return self.connection.finished


class Listener:
    """Owns its listening sockets and every link. `refused` counts by bound what was turned away."""

    def __init__(
        self,
        service: Service,
        bounds: Bounds,
        buffers: Buffers,
        refused: Counter[str],
        streaming: frozenset[str],
        max_connections: int,
    ) -> None:
        self.service = service
        self.links: set[ServerLink] = set()
        self.flusher = Flusher(asyncio.get_running_loop())
        self._bounds = bounds
        self._buffers = buffers
        self._refused = refused
        self._streaming = streaming
        self._max_connections = max_connections
        write_s = bounds.write_timeout_s
        self._write_us = None if write_s is None else int(write_s * 1e6)
        self._servers: list[asyncio.AbstractServer] = []
        self._doors: list[TlsDoor] = []
        self._draining = False
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    async def listen(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        """Take clients from a bound socket, which becomes ours; with a context, over TLS."""
        if context is not None:
            listening.listen(BACKLOG)
            timeout_s = self._bounds.preface_timeout_s
            door = TlsDoor(listening, context, self._make, self.has_room, timeout_s, self._refused)
            self._doors.append(door)
            return
        loop = asyncio.get_running_loop()
        if listening.family == socket.AF_UNIX:
            server = await loop.create_unix_server(self._make, sock=listening, backlog=BACKLOG)
        else:
            server = await loop.create_server(self._make, sock=listening, backlog=BACKLOG)
        if self._draining:
            server.close()
        else:
            self._servers.append(server)

    def renew(self, context: ssl.SSLContext) -> None:
        """New certificates for clients to come. The sockets stay, so that nobody who waits in their queue is reset."""
        for door in self._doors:
            door.context = context

    @property
    def connections(self) -> int:
        """Clients connected, from their accept on."""
        return len(self.links) + sum(door.shaking for door in self._doors)

    @property
    def unfinished(self) -> int:
        """Clients that are owed the end of a call; streaming calls have none."""
        now = now_us()
        return sum(link.unfinished(now) for link in self.links)

    def _make(self) -> ServerLink:
        connection = ServerConnection(self._bounds, self._buffers, self._refused, self._streaming, now_us())
        return ServerLink(connection, self)

    def has_room(self) -> bool:
        """Whether one more client may come; counted when not."""
        if self.connections < self._max_connections:
            return True
        self._refused["connections"] += 1
        return False

    def admit(self, link: ServerLink, encrypted: bool) -> bool:
        """Whether this connection is taken; an encrypted one was counted when it came to its door."""
        if self._draining or not (encrypted or self.has_room()):
            return False
        self.links.add(link)
        return True

    def lost_streams(self, _link: object, streams: list[Stream]) -> None:
        """A socket is gone."""
        for stream in streams:
            self.service.lost(stream)

    def stop_listening(self) -> None:
        """New clients are refused by the system."""
        self._draining = True
        for server in self._servers:
            server.close()
        for door in self._doors:
            door.close()
        self._servers, self._doors = [], []

    def drain(self) -> None:
        """Take no more clients and ask those there are to go; their calls in flight go on."""
        self.stop_listening()
        for link in tuple(self.links):
            link.connection.drain(now_us())
            link.mark()

    def close(self) -> None:
        """End everything now."""
        self.stop_listening()
        self._ticker.cancel()
        for link in tuple(self.links):
            link.abort()

    def _tick(self) -> None:
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        now = now_us()
        for link in tuple(self.links):
            if link.closing_us is not None:
                limit_us = self._write_us if link.connection.fault is None else GOODBYE_US
                if limit_us is not None and now - link.closing_us > limit_us:
                    link.abort()
                continue
            link.connection.tick(now)
            if link.connection.outbox.pending or link.connection.finished:
                link.mark()


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening-to-be socket. Raises: OSError when the address is taken or is none of this machine's."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def bind_unix(path: Path) -> socket.socket:
    """A listening-to-be socket at that path; one that nobody listens on any more is replaced. Raises: OSError."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_alive(path):
            path.unlink()
        bound.bind(str(path))
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True
