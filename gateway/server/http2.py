"""The client port over our own transport: calls from streams, and their ends back to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import ceil
from pathlib import Path

import structlog

from gateway.call import Call, Deadline, Headers
from gateway.errors import DeadlineExceeded, Failure, UpstreamFailed
from gateway.http2.bounds import Buffers
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.shell import tls
from gateway.http2.shell.deadlines import Deadlines
from gateway.http2.shell.link import now_us
from gateway.http2.shell.server import Listener, ServerLink, bind_tcp, bind_unix
from gateway.http2.stream import Event, Kind, Stream
from gateway.server.accounts import count_ended
from gateway.server.health import Http2Health
from gateway.server.listen import DEADLINE_SLACK_US, UNKNOWN_METHOD, CannotListen, Handle, Listen, busy
from gateway.server.methods import METHODS
from gateway.server.reflection import PATH as REFLECTION
from gateway.server.reflection import ReflectionStream
from gateway.server.status import Code, status_of
from gateway.server.streams import HEALTH_CHECK, HEALTH_WATCH, StreamCall
from gateway.telemetry.counters import Counters

CERTIFICATE_LOOK_S = 5.0
LEFT_LOOK_S = 0.02
MANY_STREAMING = "too many streaming calls"

log = structlog.get_logger("server")


class Exchange:
    """One call of a client, between its stream and its Call."""

    __slots__ = ("_deadline_us", "_link", "_server", "_stream", "call")
    call: Call

    def __init__(self, server: Http2Server, link: ServerLink, stream: Stream) -> None:
        self._server = server
        self._link = link
        self._stream = stream
        self._deadline_us = 0

    def expires_at(self, deadline_us: int) -> None:
        """The call has a deadline."""
        self._deadline_us = deadline_us
        self._server.deadlines.add(deadline_us, self)

    def finish(self, message: bytes | None, failure: Failure | None, headers: Headers) -> None:
        """The call's end: write it, count it."""
        server, link, call = self._server, self._link, self.call
        self._stream.owner = None
        if self._deadline_us:
            server.deadlines.discard(self._deadline_us, self)
        if failure is None:
            fits = link.respond(self._stream, head_block(headers), message or b"", OK_TRAILERS)
            count_ended(server.counters, call, Code.OK if fits else Code.RESOURCE_EXHAUSTED)
            return
        code, text = status_of(failure)
        if isinstance(failure, UpstreamFailed):
            headers = (*failure.trailers, *headers)
        link.respond_without(self._stream, tail_block(int(code), text, headers, alone=True))
        count_ended(server.counters, call, code, failure)

    def expire(self) -> None:
        """The client's deadline passed, or the default one."""
        self._deadline_us = 0
        self.call.fail(DeadlineExceeded("Deadline Exceeded"), self.call.headers)

    def leave(self) -> None:
        """The client cancelled, or its connection broke."""
        call = self.call
        self._stream.owner = None
        if call.ended:
            return
        if self._deadline_us:
            self._server.deadlines.discard(self._deadline_us, self)
        call.abandon()
        late = call.deadline.passed(now_us() + DEADLINE_SLACK_US)
        count_ended(self._server.counters, call, Code.DEADLINE_EXCEEDED if late else Code.CANCELLED)


class Http2Server:
    """Owns listener, timers and streams. `port` is the bound one after `start`; `health` answers and is watched."""

    def __init__(
        self, listen: Listen, handle: Handle, counters: Counters, buffers: Buffers, refused: Counter[str]
    ) -> None:
        self.counters = counters
        self.port = 0
        self.health = Http2Health()
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self._listen = listen
        self._handle = handle
        default_s = listen.default_timeout_s
        self._default_us = None if default_s is None else int(default_s * 1e6)
        streaming = frozenset({HEALTH_WATCH, REFLECTION})
        self._listener = Listener(self, listen.bounds, buffers, refused, streaming, listen.max_connections)
        self._certificates: tls.ServerCertificates | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._end_s: float | None = None
        self._unix_socket: Path | None = None  # once it is ours
        self._refused = refused
        self._streaming_calls: set[StreamCall] = set()

    @property
    def connections(self) -> int:
        """Clients connected now."""
        return self._listener.connections

    @property
    def unfinished(self) -> int:
        """Clients that are owed the end of a call."""
        return self._listener.unfinished

    async def start(self) -> None:
        """Listen. Raises: CannotListen; OSError for a certificate that can't be read or used."""
        listen, context = self._listen, None
        if listen.tls is not None:
            self._certificates = tls.ServerCertificates(listen.tls.certificate, listen.tls.key, listen.tls.client_ca)
            context = self._certificates.context()
        try:
            bound = bind_tcp(listen.host, listen.port)
        except OSError as error:
            raise busy(listen, error) from error
        self.port = bound.getsockname()[1]
        await self._listener.listen(bound, context)
        if listen.unix_socket is not None:
            try:
                local = bind_unix(listen.unix_socket)
            except OSError as error:
                words = f"{listen.unix_socket}: {error.strerror or error}; give another server.unix_socket"
                raise CannotListen(f"gRPC cannot listen on the Unix socket {words}") from error
            self._unix_socket = listen.unix_socket
            await self._listener.listen(local, None)
        if self._certificates is not None:
            self._keeper = asyncio.create_task(self._keep_certificates(self._certificates), name="certificates")

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give those in flight `grace_s`, then end them. A later call may shorten the grace."""
        loop = asyncio.get_running_loop()
        self._end_s = min(loop.time() + grace_s, self._end_s or float("inf"))
        if self._keeper is not None:
            self._keeper.cancel()
        self._listener.drain()
        path, self._unix_socket = self._unix_socket, None
        if path is not None:  # at once, and once: the next may be a successor's
            path.unlink(missing_ok=True)
        for _ in range(ceil(grace_s / LEFT_LOOK_S)):
            if not self._listener.links or loop.time() >= self._end_s:
                break
            await asyncio.sleep(LEFT_LOOK_S)
        self.deadlines.close()
        self._listener.close()

    async def renew_certificates(self) -> None:
        """Take up certificates that changed on disk; bad ones are logged, and those in use stay."""
        certificates = self._certificates
        if certificates is None:
            return
        try:
            context = certificates.changed()
        except OSError as error:
            log.warning("certificates not renewed", error=str(error))
            return
        if context is not None:
            self._listener.renew(context)
            log.info("certificates renewed")

    async def _keep_certificates(self, certificates: tls.ServerCertificates) -> None:
        while True:
            await asyncio.sleep(CERTIFICATE_LOOK_S)
            await self.renew_certificates()

    # What the listener tells

    def told(self, link: ServerLink, event: Event) -> None:
        """Something happened to a call."""
        kind, stream, message = event
        if kind is Kind.REQUEST:
            self._begin(link, stream)
        elif kind is Kind.RESET:
            self.lost(stream)
        elif kind is Kind.OPENED and stream.head is not None:
            self._open(link, stream, stream.head.path)
        elif isinstance(stream.owner, StreamCall):
            if message is None:
                stream.owner.half_closed()
            else:
                stream.owner.message(message)

    def lost(self, stream: Stream) -> None:
        """A call's client is gone."""
        owner = stream.owner
        if isinstance(owner, Exchange):
            owner.leave()
        elif isinstance(owner, StreamCall):
            owner.gone()

    def _open(self, link: ServerLink, stream: Stream, path: str) -> None:
        streaming = self._streaming_calls
        if len(streaming) >= self._listen.max_streaming_calls:
            self._refused["streaming_calls"] += 1
            link.respond_without(stream, tail_block(Code.RESOURCE_EXHAUSTED, MANY_STREAMING, (), alone=True))
            return
        ended = streaming.discard
        owner = (
            self.health.watch(link, stream, ended) if path == HEALTH_WATCH else ReflectionStream(link, stream, ended)
        )
        stream.owner = owner
        streaming.add(owner)

    def _begin(self, link: ServerLink, stream: Stream) -> None:
        head, message = stream.head, stream.message
        if head is None or message is None:
            raise AssertionError("a whole request has both")
        method = METHODS.get(head.path)
        if method is None:
            if head.path == HEALTH_CHECK:
                self.health.check(link, stream, message)
            else:
                link.respond_without(stream, tail_block(Code.UNIMPLEMENTED, UNKNOWN_METHOD, (), alone=True))
            return
        started_us = now_us()
        exchange = stream.owner = Exchange(self, link, stream)
        stream.message = None  # the call has it
        if head.timeout_us is not None:
            deadline = Deadline(stream.opened_us + head.timeout_us)  # the client's clock ran while it sent the rest
        elif self._default_us is not None:
            deadline = Deadline(started_us + self._default_us)
        else:
            deadline = Deadline()
        call = exchange.call = Call(method, message, head.metadata, deadline, started_us, exchange.finish)
        if head.timeout_us is not None or self._default_us is not None:
            if deadline.at_us <= started_us:
                exchange.expire()
                return
            exchange.expires_at(deadline.at_us)
        self._handle(call)
