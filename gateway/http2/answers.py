"""How answers leave a server's connection: whole ones, streaming ones, and those that are an error alone."""

from __future__ import annotations

from gateway.http2.connection import Connection
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.messages import MessageRefused
from gateway.http2.stream import HeaderBlock, Message, Stream

MAX_QUEUED_PARTS = 256  # of a streaming response whose reader is slow


class Answers(Connection):
    """Each command does nothing when the stream has ended meanwhile."""

    def respond(self, stream: Stream, head: HeaderBlock, message: Message, tail: HeaderBlock) -> bool:
        """The whole answer of a unary call. False when there was no room to buffer it: it was refused in its place."""
        if stream.id not in self.streams:
            return True
        self._resets.calls += 1
        if isinstance(message, bytes) and self.outbox.message(stream, head, message, tail):
            return True
        try:
            self.intake.hold_leaving(stream, len(message) if isinstance(message, bytes) else sum(map(len, message)))
        except MessageRefused as refusal:
            self._refuse(stream, refusal)
            return False
        self.outbox.headers(stream, head, last=False)
        self.outbox.queue(stream, message, tail, ends=True)
        return True

    def respond_without(self, stream: Stream, block: HeaderBlock) -> None:
        """Trailers only: a served call's error, or the end of a streaming one that sent nothing."""
        self._resets.calls += 1
        self._trailers_only(stream, block)

    def _trailers_only(self, stream: Stream, block: HeaderBlock) -> None:
        if stream.id in self.streams:
            if stream.queued is not None:
                self.outbox.forget(stream)
            self.outbox.headers(stream, block, last=True)

    def begin(self, stream: Stream, head: HeaderBlock) -> None:
        """The headers of a streaming response."""
        if stream.id in self.streams:
            self.outbox.headers(stream, head, last=False)

    def push(self, stream: Stream, message: bytes) -> bool:
        """One message of a streaming response. False: its reader is too slow, and the stream was reset."""
        if stream.id not in self.streams:
            return False
        try:
            if stream.queued is not None and len(stream.queued.parts) > MAX_QUEUED_PARTS:
                raise MessageRefused(RESOURCE_EXHAUSTED, "too many answers wait")
            self.intake.hold_leaving(stream, len(message))
        except MessageRefused:
            self.refused["slow_stream"] += 1
            self.reset(stream, ErrorCode.ENHANCE_YOUR_CALM)
            return False
        self.outbox.queue(stream, message, None, ends=False)
        return True

    def finish(self, stream: Stream, tail: HeaderBlock) -> None:
        """The trailers of a streaming response."""
        if stream.id in self.streams:
            self.outbox.queue(stream, None, tail, ends=True)
