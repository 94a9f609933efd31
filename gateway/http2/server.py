"""The server's end of a connection: calls come in whole, responses go out; drained in two stages, bounded in time."""

from __future__ import annotations

from collections import Counter

from gateway.http2 import frames
from gateway.http2.answers import Answers
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.connection import DRAINING
from gateway.http2.errors import ConnectionFault, ErrorCode, HeaderListTooLarge, StreamFault
from gateway.http2.greeting import server_greeting
from gateway.http2.grpc_fields import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED
from gateway.http2.heads import RequestHead, check_trailers, request_head
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_reader import HeaderReader
from gateway.http2.messages import MessageRefused
from gateway.http2.preface import Preface
from gateway.http2.reader import Data
from gateway.http2.responses import refusal_block
from gateway.http2.server_time import ServerTime
from gateway.http2.stream import Kind, Stream

HEARD_OUT_BYTES = 64 * 1024  # of what can't become a call


class ServerConnection(Answers):
    """`streaming`: the paths whose messages are told one by one; every other call is told when it is whole."""

    def __init__(
        self, bounds: Bounds, buffers: Buffers, refused: Counter[str], streaming: frozenset[str], now_us: int
    ) -> None:
        super().__init__(bounds, buffers, refused, now_us)
        decoder = OwnDecoder(bounds.max_header_table_bytes, bounds.max_header_list_bytes)
        self._heads: HeaderReader[RequestHead] = HeaderReader(decoder, request_head, bounds.max_cached_blocks)
        self._streaming = streaming
        self._reader.preface = Preface()
        self.drain_us: int | None = None  # when draining began
        self._last_allowed = frames.MAX_STREAM_ID
        self._time = ServerTime(now_us)
        self.outbox.control(server_greeting(bounds, self.intake.windows))

    # Commands

    def drain(self, now_us: int) -> None:
        """Ask the client to send no more: a GOAWAY that refuses nothing, and once its PING is back one that does."""
        if self.drain_us is None:
            self.drain_us = now_us
            self.outbox.control(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR) + frames.ping(DRAINING))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do but to write what is in the outbox, and close."""
        drained = self._last_allowed < frames.MAX_STREAM_ID and not self.streams
        return self.fault is not None or drained

    def tick(self, now_us: int) -> None:
        """Whatever depends on time alone; called about once a second."""
        try:
            self._time.check(self, now_us)
            self._tick(now_us)
        except ConnectionFault as fault:
            self.fail(fault)

    def time_out(self, stream: Stream) -> None:
        """The rest of its request doesn't come."""
        self._refuse(stream, MessageRefused(INTERNAL, "the rest of the request did not come in time"))

    # What the frame loop tells

    def block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        """The head of a new call, or the trailers of one that is open."""
        if stream_id <= self.last_id:
            self._late_block(stream_id, block, ends, now_us)
            return
        if not stream_id & 1 or not self.peer.came:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}, or before SETTINGS")
        self.last_id = stream_id
        outbox = self.outbox
        stream = Stream(stream_id, self.intake.windows.stream_bytes, outbox.initial_window, now_us)
        try:
            head = stream.head = self._heads.read(block)
        except StreamFault as fault:
            self.refused["malformed_headers"] += 1
            self._reset_id(stream_id, fault.code)
            self._resets.take(now_us)
            return
        except HeaderListTooLarge as refusal:
            self.refused["header_list"] += 1
            head, words = None, str(refusal)
        if stream_id > self._last_allowed:
            self._closed.by_us(stream_id)  # the client hasn't read our GOAWAY yet: the rest of its calls is on the way
            return
        if len(self.streams) >= self.bounds.max_concurrent_streams:
            self.refused["streams"] += 1
            self._reset_id(stream_id, ErrorCode.REFUSED_STREAM)
            return
        self.streams[stream_id] = stream
        stream.remote_done = ends > 0
        if head is None:
            self._refuse(stream, MessageRefused(RESOURCE_EXHAUSTED, words))
        elif head.refused is not None or ends or head.path in self._streaming:
            self._opened(stream, head)

    def _opened(self, stream: Stream, head: RequestHead) -> None:
        """A head that says more than that a unary call's message follows."""
        if head.refused is not None:
            self._turn_away(stream, head, stream.remote_done)
        elif head.path in self._streaming:
            stream.streaming = True
            self._events.append((Kind.OPENED, stream, None))
            if stream.remote_done:
                self._events.append((Kind.HALF_CLOSED, stream, None))
        else:
            self._refuse(stream, MessageRefused(UNIMPLEMENTED, "a unary call came without its message"))

    def _turn_away(self, stream: Stream, head: RequestHead, heard: bool) -> None:
        """Answer what can't become a call, once it was heard out; a body says why to those who don't speak gRPC."""
        if head.refused is None or not heard or stream.local_done or stream.queued is not None:
            return
        _, code, words = head.refused
        if code is not None:
            self._trailers_only(stream, refusal_block(*head.refused))
            return
        self.outbox.headers(stream, refusal_block(*head.refused), last=False)
        self.outbox.queue(stream, words.encode(), None, ends=True, framed=False)

    def _late_block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        """Trailers of a request carry nothing that we read, but they change the tables all the same."""
        fault: StreamFault | None = None
        try:
            check_trailers(self._heads.fields(block))
        except HeaderListTooLarge:
            self.refused["header_list"] += 1
        except StreamFault as malformed:
            self.refused["malformed_headers"] += 1
            fault = malformed
        stream = self.streams.get(stream_id)
        if stream is None or stream.remote_done:
            self._stray(stream_id, "HEADERS", now_us)
        elif fault is not None or not ends:
            words = "a second header block that isn't the last"
            self._fault(stream, fault or StreamFault(ErrorCode.PROTOCOL_ERROR, words), now_us)
        else:
            self.data(b"", 0, 0, stream_id, frames.END_STREAM, 0, now_us)

    def _taken(self, stream: Stream, data: Data, start: int, stop: int) -> None:
        if stream.head is not None and stream.head.refused is not None:
            self._turn_away(stream, stream.head, stream.data_bytes > HEARD_OUT_BYTES)
            return
        if start == stop or (not stream.streaming and self.intake.whole(stream, data, start, stop)):
            return
        encoding = "identity" if stream.head is None else stream.head.encoding
        for message in self.intake.pieces(stream, data, start, stop, encoding):
            if stream.streaming:
                self._events.append((Kind.MESSAGE, stream, message))
            elif stream.message is None:
                stream.message = message
            else:
                raise MessageRefused(UNIMPLEMENTED, "a unary call brought more than one message")
        if stream.streaming and stream.assembler is not None and stream.assembler.between_messages:
            self.intake.release_taken(stream)

    def _half_closed(self, stream: Stream) -> None:
        head, assembler = stream.head, stream.assembler
        if head is not None and head.content_length is not None and head.content_length != stream.data_bytes:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "the DATA is not as long as content-length says")
        if head is not None and head.refused is not None:
            self._turn_away(stream, head, True)
            return
        if assembler is not None and not assembler.between_messages:
            raise MessageRefused(INTERNAL, "the request ended within a message")
        if stream.streaming:
            self._events.append((Kind.HALF_CLOSED, stream, None))
        elif stream.message is None:
            raise MessageRefused(UNIMPLEMENTED, "a unary call came without its message")
        else:
            self.controls.calls += 1
            self._events.append((Kind.REQUEST, stream, None))

    def _refuse(self, stream: Stream, refusal: MessageRefused) -> None:
        if stream.streaming:
            self.reset(stream, ErrorCode.CANCEL)
            self._events.append((Kind.RESET, stream, None))
        else:
            self._trailers_only(stream, refusal_block(200, refusal.code, refusal.reason))

    def _sent(self, stream: Stream) -> None:
        if not stream.remote_done:  # the client need not send the rest (RFC 9113 8.1)
            self._reset_id(stream.id, ErrorCode.NO_ERROR)
        self._close(stream)

    def _was_reset(self, stream: Stream, code: int) -> None:
        self._events.append((Kind.RESET, stream, None))

    def _goaway(self, last_id: int) -> None:
        """The client opens no more: what is open goes on."""

    def drain_heard(self) -> None:
        if self.drain_us is not None and self._last_allowed == frames.MAX_STREAM_ID:
            self._last_allowed = self.last_id
            self.outbox.control(frames.goaway(self.last_id, ErrorCode.NO_ERROR))

    def _is_idle(self, stream_id: int) -> bool:
        return not stream_id & 1 or stream_id > self.last_id

    def _last_taken(self) -> int:
        return min(self.last_id, self._last_allowed)
