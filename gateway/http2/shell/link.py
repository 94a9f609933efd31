"""A connection on a socket: bytes to the core, the core's bytes out, back-pressure both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from gateway.http2.connection import Connection
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.reader import Data
from gateway.http2.shell.flusher import Flusher
from gateway.http2.stream import Event, Stream

C = TypeVar("C", bound=Connection)  # in the link's role


def now_us() -> int:
    """Microseconds of the monotonic clock."""
    return time.monotonic_ns() // 1000


READ_BYTES = 256 * 1024
VIEWED_BYTES = 32 * 1024  # reads of less are quicker as bytes of their own
_READ = memoryview(bytearray(READ_BYTES))  # one for all: whatever is read is dealt with before anything else is


class Link(asyncio.BufferedProtocol, Generic[C]):
    """Owns its transport from `connection_made` on. `told` hears every event, `lost` the streams a dead socket left."""

    def __init__(
        self,
        connection: C,
        flusher: Flusher,
        told: Callable[[Event], None],
        lost: Callable[[object, list[Stream]], None],
    ) -> None:
        self.connection = connection
        self.marked = False
        self.closing_us: int | None = None  # since when only its end is waited for
        self.transport: asyncio.Transport | None = None
        self._flusher = flusher
        self._told = told
        self._lost = lost
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # a stream's; uvloop's bear no such name
        socket = transport.get_extra_info("ssl_object")
        if socket is not None and socket.selected_alpn_protocol() != "h2":
            words = "TLS without ALPN h2, which gRPC needs"
            self.connection.fail(ConnectionFault(ErrorCode.INADEQUATE_SECURITY, words))
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _READ

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_READ[:nbytes]) if nbytes < VIEWED_BYTES else _READ[:nbytes])

    def data_received(self, data: Data) -> None:
        """These bytes came."""
        connection = self.connection
        for event in connection.receive(data, time.monotonic_ns() // 1000):
            self._told(event)
        if connection.outbox.pending and not self.marked:
            self._flusher.mark(self)
        if connection.crowded and self._reading:
            self._reading = False
            if self.transport is not None:
                self.transport.pause_reading()

    def mark(self) -> None:
        """Something was given to the core to send."""
        if not self.marked:
            self._flusher.mark(self)

    def flush(self) -> None:
        """Write what the core has to send, a quantum of it; the rest next turn. Close what is finished."""
        transport, connection = self.transport, self.connection
        if transport is None or self.closing_us is not None or transport.is_closing():
            return
        chunks, bulky = connection.outbox.take()
        if len(chunks) == 1:
            transport.write(chunks[0])
        elif bulky:
            transport.writelines(chunks)
        elif chunks:
            transport.write(b"".join(chunks))
        if connection.fault is not None:
            self._say_goodbye(transport)
        elif self._finished() and not connection.outbox.pending:
            self.closing_us = now_us()
            transport.close()
        elif connection.outbox.pending and connection.outbox.writable:
            self._flusher.mark(self)
        if not self._reading and not connection.crowded:
            self._reading = True
            transport.resume_reading()

    def _say_goodbye(self, transport: asyncio.Transport) -> None:
        """Closing with bytes unread resets the socket, and the GOAWAY is lost: say the end, wait for the peer's."""
        if self.closing_us is None:
            self.closing_us = now_us()
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def pause_writing(self) -> None:
        self.connection.outbox.writable = False

    def resume_writing(self) -> None:
        self.connection.outbox.writable = True
        self.mark()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._lost(self, self.connection.abandon())

    def abort(self) -> None:
        """Close the socket now, unwritten bytes and all."""
        if self.transport is not None:
            self.transport.abort()

    def _finished(self) -> bool:
        """Whether the connection may be closed once all is written; each role knows for itself."""
        return False
