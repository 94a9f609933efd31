"""The client's end of a connection: requests go out, replies come in whole."""

from __future__ import annotations

from collections import Counter

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.connection import Connection
from gateway.http2.errors import ConnectionFault, ErrorCode, HeaderListTooLarge, StreamFault
from gateway.http2.greeting import client_greeting
from gateway.http2.grpc_fields import (
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    status_from_http,
    status_from_reset,
)
from gateway.http2.heads import ResponseHead, response_head
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_reader import HeaderReader
from gateway.http2.messages import PREFIX_BYTES, MessageRefused
from gateway.http2.reader import Data
from gateway.http2.stream import Fate, HeaderBlock, Kind, Message, Stream, StreamFailure


class ClientConnection(Connection):
    """`draining`: it takes no new calls, those in flight go on. Unary calls only."""

    def __init__(self, bounds: Bounds, buffers: Buffers, refused: Counter[str], now_us: int) -> None:
        super().__init__(bounds, buffers, refused, now_us)
        decoder = OwnDecoder(bounds.max_header_table_bytes, bounds.max_header_list_bytes)
        self._heads: HeaderReader[ResponseHead] = HeaderReader(decoder, response_head, bounds.max_cached_blocks)
        self._next_id = 1
        self.draining = False
        self.outbox.control(client_greeting(bounds, self.intake.windows))

    # Commands

    @property
    def has_room(self) -> bool:
        """Whether a call may be sent now."""
        return not self.draining and self.fault is None and len(self.streams) < self.peer.max_streams

    def send(self, head: HeaderBlock, message: Message, now_us: int) -> Stream:
        """Open a stream with a whole unary request. Only while `has_room`. Raises: MessageRefused, out of buffers."""
        stream_id = self._next_id
        stream = Stream(stream_id, self.intake.windows.stream_bytes, self.outbox.initial_window, now_us)
        self.streams[stream_id] = stream
        self.last_id, self._next_id = stream_id, stream_id + 2
        if self._next_id > frames.MAX_STREAM_ID:
            self.draining = True
        if isinstance(message, bytes) and self.outbox.message(stream, head, message, None):
            return stream
        size = len(message) if isinstance(message, bytes) else sum(map(len, message))
        try:
            self.intake.hold_leaving(stream, size + PREFIX_BYTES)
        except MessageRefused:
            self._close(stream)
            self._next_id = self.last_id = stream_id
            raise
        self.outbox.headers(stream, head, last=False)
        self.outbox.queue(stream, message, None, ends=True)
        return stream

    def tick(self, now_us: int) -> None:
        """Whatever depends on time alone; called about once a second."""
        try:
            self._tick(now_us)
        except ConnectionFault as fault:
            self.fail(fault)

    # What the frame loop tells

    def block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        """The head or the trailers of a response."""
        stream = self.streams.get(stream_id)
        try:
            head = self._heads.read(block)
        except HeaderListTooLarge as refusal:
            if stream is not None:
                self.refused["header_list"] += 1
                self._refuse(stream, MessageRefused(RESOURCE_EXHAUSTED, f"the reply's {refusal}"))
            return
        except StreamFault as fault:
            if stream is not None:
                self._fault(stream, fault, now_us)
            return
        if stream is None or stream.remote_done:
            self._stray(stream_id, "HEADERS", now_us)
            return
        stream.moved_us = now_us
        if stream.response is None:
            if head.http_status is None:
                self._fault(stream, StreamFault(ErrorCode.PROTOCOL_ERROR, "a response without :status"), now_us)
                return
            if head.http_status < 200 and not ends:
                self.controls.take(now_us)
                return
            stream.response = head
        elif not ends or head.http_status is not None:
            words = "a second header block that isn't the last, or no trailers"
            self._fault(stream, StreamFault(ErrorCode.PROTOCOL_ERROR, words), now_us)
            return
        if ends:
            stream.trailers = head
            stream.remote_done = True
            self._half_closed(stream)

    def _taken(self, stream: Stream, data: Data, start: int, stop: int) -> None:
        response = stream.response
        if response is None:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "DATA before the response's headers")
        if start == stop or not response.is_grpc or self.intake.whole(stream, data, start, stop):
            return  # what isn't gRPC is some proxy's page of an error: its status tells enough
        for message in self.intake.pieces(stream, data, start, stop, response.encoding):
            if stream.message is not None:
                raise MessageRefused(INTERNAL, "a unary call was answered by more than one message")
            stream.message = message

    def _half_closed(self, stream: Stream) -> None:
        """The response is whole: a reply, the peer's error, or nothing that gRPC knows."""
        response, trailers = stream.response, stream.trailers
        code = None if trailers is None else trailers.grpc_status
        if code is None:
            http_status = 0 if response is None or response.http_status is None else response.http_status
            words = f"the response of HTTP status {http_status} has no grpc-status"
            stream.failure = StreamFailure(status_from_http(http_status), words)
        elif code == 0 and (stream.message is None or not _is_whole(stream)):
            stream.failure = StreamFailure(INTERNAL, "the response has status OK and no message, or not all of it")
        elif code != 0 and trailers is not None:
            stream.failure = StreamFailure(code, trailers.grpc_message)
        if not stream.local_done:  # answered before it had the whole request
            self.outbox.forget(stream)
            self._reset_id(stream.id, ErrorCode.NO_ERROR)
        self._close(stream)
        self.controls.calls += 1
        self._events.append((Kind.FAILED if stream.failure else Kind.RESPONSE, stream, stream.message))

    def _refuse(self, stream: Stream, refusal: MessageRefused) -> None:
        self.reset(stream, ErrorCode.CANCEL)
        self._failed(stream, StreamFailure(refusal.code, refusal.reason))

    def _was_reset(self, stream: Stream, code: int) -> None:
        self._resets.calls += 1  # it ended a call of ours: their number bounds these resets
        refused = code == ErrorCode.REFUSED_STREAM
        name = ErrorCode(code).name if code <= ErrorCode.HTTP_1_1_REQUIRED else str(code)
        words = f"the replica reset the call's stream ({name})"
        self._failed(stream, StreamFailure(status_from_reset(code), words, Fate.REFUSED if refused else Fate.ANSWERED))

    def _failed(self, stream: Stream, failure: StreamFailure) -> None:
        stream.failure = failure
        self._events.append((Kind.FAILED, stream, None))

    def _goaway(self, last_id: int) -> None:
        """The peer takes no streams beyond that one: it never looked at those, so they may go elsewhere."""
        self.draining = True
        for stream in [stream for stream in self.streams.values() if stream.id > last_id]:
            self.outbox.forget(stream)
            self._closed.by_us(stream.id)
            self._close(stream)
            self._failed(stream, StreamFailure(UNAVAILABLE, "the replica is going away", Fate.REFUSED))

    def drain_heard(self) -> None:
        """Only servers drain."""

    def _is_idle(self, stream_id: int) -> bool:
        return not stream_id & 1 or stream_id > self.last_id

    def _last_taken(self) -> int:
        return 0


def _is_whole(stream: Stream) -> bool:
    return stream.assembler is None or stream.assembler.between_messages
