"""A replica over our own transport: calls spread over its connections, refused streams sent again by themselves."""

from __future__ import annotations

import asyncio
import ssl

from gateway.call import Headers, Message
from gateway.errors import Fate, UpstreamFailed
from gateway.http2 import stream as h2
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import DEADLINE_EXCEEDED, UNAVAILABLE
from gateway.http2.messages import MessageRefused
from gateway.http2.shell.client import Address, ClientLink, Dialler, State
from gateway.http2.shell.link import now_us
from gateway.http2.shell.tls import client_context
from gateway.http2.stream import Event, HeaderBlock, Kind, Stream
from gateway.upstream.connection import Cancel, Done
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.request_blocks import RequestBlocks
from gateway.upstream.wiring import Wiring

SWEEP_S = 0.05
MAX_SENDINGS = 3  # of one call whose stream was refused unseen: to connections that are going away
OUT_OF_SERVICE = "the replica was taken out of service"
_FATES = {h2.Fate.ANSWERED: Fate.ANSWERED, h2.Fate.REFUSED: Fate.REFUSED, h2.Fate.LOST: Fate.LOST}


class Exchange:
    """One call to the replica, from `send` to its end."""

    __slots__ = ("_connection", "block", "deadline_us", "done", "link", "message", "sendings", "stream")

    def __init__(self, connection: Http2Connection, block: HeaderBlock, message: Message, done: Done) -> None:
        self._connection = connection
        self.block = block
        self.message: Message | None = message  # until it is sent for good
        self.done: Done | None = done  # None once it is over
        self.deadline_us = 0
        self.sendings = 0
        self.link: ClientLink | None = None
        self.stream: Stream | None = None

    def cancel(self) -> None:
        """The caller left: `done` isn't called any more."""
        if self.done is not None:
            self._connection.ended(self)
            self._reset()

    def expire(self) -> None:
        """Its time is up."""
        done = self.done
        if done is not None:
            self._connection.ended(self)
            self._reset()
            done(None, UpstreamFailed(DEADLINE_EXCEEDED, "Deadline Exceeded", Fate.ANSWERED))

    def _reset(self) -> None:
        if self.link is not None and self.stream is not None:
            self.link.connection.reset(self.stream, ErrorCode.CANCEL)
            self.link.mark()
            self._connection.has_room_again()


class Http2Connection:
    """All connections to one replica; see gateway.upstream.connection.Connection."""

    def __init__(self, address: Address, authority: str, policy: UpstreamPolicy, wiring: Wiring) -> None:
        """Raises: OSError for a certificate that can't be read. They are read again with each new connection."""
        self._wiring = wiring
        self._policy = policy
        self._waiting: dict[Exchange, None] = {}  # for a connection, or for room on one; who came first is first
        self._sent: set[Exchange] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._blocks = RequestBlocks("http" if policy.tls is None else "https", authority)
        self._closed = False
        self._tls()
        self._diallers = [
            Dialler(
                address, self._tls, wiring.bounds, wiring.buffers, wiring.refused, wiring.flusher,
                self._told, self._lost, self._place_waiting, policy.connect_timeout_s, wiring.chance,
            )
            for _ in range(policy.connections_per_replica)
        ]  # fmt: skip

    def send(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> Cancel:
        exchange = Exchange(self, self._blocks.block(path, timeout_s, metadata), message, done)
        if timeout_s is not None:
            exchange.deadline_us = now_us() + int(timeout_s * 1e6)
        self._sent.add(exchange)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        if self._waiting and self._diallers[0].link is not None:
            self._wait(exchange)  # behind those who came before
        else:
            self._place(exchange)
        return exchange.cancel

    def _sweep(self) -> None:
        """End what is late. Whose caller has a deadline of his own is told by it in time; this is for the others."""
        now = now_us()
        again = self._sent and not self._closed
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep) if again else None
        if self._waiting:
            self._place_waiting()  # the peer may allow more streams without a word about one
        for exchange in [late for late in self._sent if 0 < late.deadline_us <= now]:
            exchange.expire()

    async def close(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for exchange in tuple(self._sent):
            self._fail(exchange, UNAVAILABLE, OUT_OF_SERVICE, Fate.ANSWERED)
        for dialler in self._diallers:
            await dialler.close()

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: it waits for nothing any more."""
        exchange.done = exchange.message = None
        self._sent.discard(exchange)
        self._waiting.pop(exchange, None)
        if exchange.stream is not None:
            exchange.stream.owner = None  # no cycle is left: messages may be large

    def _place(self, exchange: Exchange) -> None:
        """Send it now, or when there is a connection with room, or fail it soon when there will be none."""
        link = self._diallers[0].link
        if link is None or len(self._diallers) > 1 or not link.connection.has_room:
            link = self._least_busy()
        if link is not None and exchange.message is not None:
            exchange.sendings += 1
            exchange.link, exchange.stream = link, None
            try:
                stream = exchange.stream = link.send(exchange.block, exchange.message)
            except MessageRefused as refusal:
                self._fail_soon(exchange, refusal.code, refusal.reason, Fate.ANSWERED)
                return
            stream.owner = exchange
            if exchange.sendings >= MAX_SENDINGS:
                exchange.message = None
            return
        self._wait(exchange)

    def _wait(self, exchange: Exchange) -> None:
        """For a connection, or for room on one."""
        if self._closed:
            self._fail_soon(exchange, UNAVAILABLE, OUT_OF_SERVICE, Fate.ANSWERED)
            return
        for dialler in self._diallers:
            dialler.want()
        self._waiting[exchange] = None
        if all(dialler.state is State.BACKING_OFF for dialler in self._diallers):
            asyncio.get_running_loop().call_soon(self._place_waiting)

    def _least_busy(self) -> ClientLink | None:
        for dialler in self._diallers:
            dialler.refresh()
            dialler.want()
        links = [dialler.link for dialler in self._diallers if dialler.link is not None]
        free = [link for link in links if link.connection.has_room]
        return min(free, key=lambda link: len(link.connection.streams)) if free else None

    def _place_waiting(self) -> None:
        """A connection came, failed to come, or has room again."""
        if not any(dialler.link for dialler in self._diallers) and all(
            dialler.state in {State.BACKING_OFF, State.CLOSED} for dialler in self._diallers
        ):
            waiting, self._waiting = self._waiting, {}
            words = f"failed to connect to all addresses; last error: {self._diallers[0].problem}"
            for exchange in waiting:
                self._fail(exchange, UNAVAILABLE, words, Fate.REFUSED)
            return
        while self._waiting and self._least_busy() is not None:
            exchange = next(iter(self._waiting))
            del self._waiting[exchange]
            self._place(exchange)

    def has_room_again(self) -> None:
        """A call was taken back: another may go in its place."""
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._place_waiting)

    def _told(self, event: Event) -> None:
        kind, stream, message = event
        exchange = stream.owner
        if isinstance(exchange, Exchange) and exchange.done is not None:
            if kind is Kind.RESPONSE:
                done = exchange.done
                self.ended(exchange)
                done(message, None)
            else:
                self._failed(exchange, stream)
        if self._waiting:
            self._place_waiting()
        link = exchange.link if isinstance(exchange, Exchange) else None
        if link is not None and link.connection.draining:
            self._refresh()

    def _lost(self, stream: Stream) -> None:
        if isinstance(stream.owner, Exchange):
            self._failed(stream.owner, stream)

    def _refresh(self) -> None:
        for dialler in self._diallers:
            dialler.refresh()

    def _failed(self, exchange: Exchange, stream: Stream) -> None:
        failure, trailers = stream.failure, stream.trailers
        if exchange.done is None or failure is None:
            return
        leaving = exchange.link is not None and exchange.link.connection.draining
        refused = failure.fate is h2.Fate.REFUSED
        if refused and leaving and exchange.sendings < MAX_SENDINGS and not self._closed:
            self._refresh()
            self._place(exchange)
            return
        done = exchange.done
        self.ended(exchange)
        metadata = () if trailers is None else trailers.metadata
        failed = UpstreamFailed(failure.code, failure.words, _FATES[failure.fate], metadata)
        failed.reached = True  # a refused stream says nothing of the others
        done(None, failed)

    def _fail(self, exchange: Exchange, code: int, words: str, fate: Fate) -> None:
        done = exchange.done
        if done is not None:
            self.ended(exchange)
            done(None, UpstreamFailed(code, words, fate))

    def _fail_soon(self, exchange: Exchange, code: int, words: str, fate: Fate) -> None:
        asyncio.get_running_loop().call_soon(self._fail, exchange, code, words, fate)

    def _tls(self) -> ssl.SSLContext | None:
        tls = self._policy.tls
        return None if tls is None else client_context(tls.ca_file, tls.cert_file, tls.key_file)
