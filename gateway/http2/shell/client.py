"""Keeps a connection to one address: dialled when wanted, again after back-off, replaced when its peer goes away."""

from __future__ import annotations

import asyncio
import enum
import random
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.client import ClientConnection
from gateway.http2.grpc_fields import UNAVAILABLE
from gateway.http2.reader import Data
from gateway.http2.shell.flusher import Flusher
from gateway.http2.shell.link import Link, now_us
from gateway.http2.stream import Event, Fate, HeaderBlock, Message, Stream, StreamFailure

TICK_S = 1.0


@dataclass(frozen=True)
class Address:
    """Where to connect: host and port, or a Unix path; and under which name its certificate is checked."""

    host: str
    port: int
    server_name: str | None = None


@dataclass(frozen=True)
class Backoff:
    """Seconds between attempts to connect: doubled from first to last, each moved by up to a fifth either way.

    The figures are those the gateway gave gRPC's C-core: quick enough that a restarted replica is found at once.
    """

    first_s: float = 0.1
    last_s: float = 1.0

    def delay_s(self, failures: int, chance: random.Random) -> float:
        """After that many failures in a row (1 or more)."""
        return min(self.last_s, self.first_s * 2.0 ** min(failures - 1, 16)) * chance.uniform(0.8, 1.2)


class State(enum.Enum):
    """Of a dialler."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    BACKING_OFF = "backing_off"
    CLOSED = "closed"


class ClientLink(Link[ClientConnection]):
    """One connection to a peer. It may be used once `greeted` is done: whoever takes us says SETTINGS first.

    A proxy takes connections for a peer that is dead, and what is sent there is lost; that peer has killed nobody.
    """

    def __init__(
        self,
        connection: ClientConnection,
        flusher: Flusher,
        told: Callable[[Event], None],
        lost: Callable[[object, list[Stream]], None],
    ) -> None:
        super().__init__(connection, flusher, told, lost)
        self.greeted = asyncio.get_running_loop().create_future()
        self._is_new = True

    def data_received(self, data: Data) -> None:
        super().data_received(data)
        if self.connection.draining and not self.connection.streams:
            self.mark()  # its last call ended: it closes
        if self._is_new and self.connection.peer.came:
            self._is_new = False
            if not self.greeted.done():
                self.greeted.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.greeted.done():
            fault = self.connection.fault
            words = "it ended before its SETTINGS came" if fault is None else str(fault)
            self.greeted.set_exception(ConnectionResetError(f"no HTTP/2 connection: {words}"))
        super().connection_lost(error)

    def send(self, head: HeaderBlock, message: Message) -> Stream:
        """Only while `connection.has_room`. Raises: MessageRefused."""
        if not self.marked:
            self._flusher.mark(self)
        return self.connection.send(head, message, now_us())

    def _say_goodbye(self, transport: asyncio.Transport) -> None:
        transport.abort()  # its calls are lost, whether it reads or not: they are told as soon as the socket is gone

    def _finished(self) -> bool:
        return self.connection.draining and not self.connection.streams


class Dialler:
    """Owns its links and the task that connects. `changed` is told when it connected or failed to (`problem` says why).

    `told` hears every event, and of streams that a broken connection left, with a failure that says LOST.
    """

    def __init__(
        self,
        address: Address,
        context: Callable[[], ssl.SSLContext | None],
        bounds: Bounds,
        buffers: Buffers,
        refused: Counter[str],
        flusher: Flusher,
        told: Callable[[Event], None],
        lost: Callable[[Stream], None],
        changed: Callable[[], None],
        connect_timeout_s: float,
        chance: random.Random,
        backoff: Backoff = Backoff(),
    ) -> None:
        self.link: ClientLink | None = None
        self.state = State.IDLE
        self.problem = ""
        self._address = address
        self._context = context
        self._make: Callable[[], ClientConnection] = lambda: ClientConnection(bounds, buffers, refused, now_us())
        self._flusher = flusher
        self._told = told
        self._lost = lost
        self._changed = changed
        self._connect_timeout_s = connect_timeout_s
        self._chance = chance
        self._backoff = backoff
        self._failures = 0
        self._retry_us = 0
        self._leaving: set[ClientLink] = set()  # their calls in flight go on
        self._task: asyncio.Task[None] | None = None
        self._ticker: asyncio.TimerHandle | None = None

    def want(self) -> None:
        """Connect, unless that is so, under way, or failed a moment ago."""
        waits = self.state is State.BACKING_OFF and now_us() < self._retry_us
        if self.state in {State.IDLE, State.BACKING_OFF} and not waits:
            self.state = State.CONNECTING
            self._task = asyncio.get_running_loop().create_task(self._connect(), name=f"dial {self._address.host}")

    def refresh(self) -> None:
        """A connection whose peer goes away, or whose stream numbers are spent, makes room for another."""
        link = self.link
        if link is not None and (link.connection.draining or link.connection.fault is not None):
            self.link = None
            self._leaving.add(link)
            link.mark()
            self.state = State.IDLE
            self.want()

    async def close(self) -> None:
        """End the connections now, and the attempt to make one."""
        self.state = State.CLOSED
        if self._ticker is not None:
            self._ticker.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for link in (self.link, *tuple(self._leaving)):
            if link is not None:
                link.abort()
        self.link = None

    async def _connect(self) -> None:
        link: ClientLink | None = None

        def make() -> ClientLink:
            nonlocal link
            link = ClientLink(self._make(), self._flusher, self._told, self._gone)
            self._leaving.add(link)  # until it stays, so that whoever closes us ends it too
            return link

        loop = asyncio.get_running_loop()
        try:
            context = self._context()
            name = None if context is None else self._address.server_name or self._address.host
            async with asyncio.timeout(self._connect_timeout_s):
                await loop.create_connection(
                    make, self._address.host, self._address.port, ssl=context, server_hostname=name
                )
                if link is None:
                    raise AssertionError("a connection was made, so its protocol was")
                await link.greeted
                if link.transport is None:
                    raise ConnectionResetError("no HTTP/2 connection: it ended with its SETTINGS")
        except Exception as error:  # noqa: BLE001 - whatever a name or a certificate makes the libraries raise is why
            if link is not None:
                self._leaving.discard(link)
                link.abort()
            self._failed(str(error) or "no answer in time")
            return
        self._leaving.discard(link)
        self.link, self.state, self._failures = link, State.CONNECTED, 0
        if self._ticker is None:
            self._ticker = loop.call_later(TICK_S, self._tick)
        self._changed()

    def _failed(self, problem: str) -> None:
        self.problem = problem
        self._failures += 1
        self._retry_us = now_us() + int(self._backoff.delay_s(self._failures, self._chance) * 1e6)
        self.state = State.BACKING_OFF
        self._changed()

    def _gone(self, link: object, streams: list[Stream]) -> None:
        """The socket is gone, and with it whatever was in flight."""
        if link is self.link:
            self.link = None
            if self.state is State.CONNECTED:
                self.state = State.IDLE
        if isinstance(link, ClientLink):
            self._leaving.discard(link)
        for stream in streams:
            stream.failure = StreamFailure(UNAVAILABLE, "the connection to the replica was lost", Fate.LOST)
            self._lost(stream)
        if self.state is not State.CLOSED:
            self._changed()  # calls may wait for room on this connection

    def _tick(self) -> None:
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        now = now_us()
        for link in (self.link, *tuple(self._leaving)):
            if link is None:
                continue
            link.connection.tick(now)
            if link.connection.outbox.pending or link.connection.fault is not None:
                link.mark()
        self.refresh()
