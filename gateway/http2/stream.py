"""One stream of a connection, and what can happen to it."""

from __future__ import annotations

import enum
from collections import deque

from gateway.http2.heads import RequestHead, ResponseHead
from gateway.http2.messages import Assembler

Message = bytes | tuple[bytes, ...]  # a gRPC message, in pieces where joining them would copy much


class Kind(enum.Enum):
    """What a connection tells of a stream."""

    REQUEST = "request"  # server: a unary call is whole; head and message are there
    OPENED = "opened"  # server: a streaming call began
    MESSAGE = "message"  # one message of a streaming call
    HALF_CLOSED = "half_closed"  # server: the client of a streaming call has said all
    RESPONSE = "response"  # client: the reply is whole; trailers tell how it ended
    FAILED = "failed"  # client: the call ended without one; `failure` of the stream says why
    RESET = "reset"  # server: the client left


class HeaderBlock:
    """An encoded header block with the first five bytes of its frame: as headers, and as trailers that end a stream."""

    __slots__ = ("data", "fits", "last_opening", "opening")

    def __init__(self, data: bytes) -> None:
        length = len(data).to_bytes(3, "big")
        self.data = data
        self.fits = len(data) <= 16_384  # every peer takes frames of that size
        self.opening = length + b"\x01\x04"
        self.last_opening = length + b"\x01\x05"


class Queued:
    """What a stream has still to send. `tail`: trailers; None leaves the stream open, or ends it without any."""

    __slots__ = ("ends", "parts", "tail")

    def __init__(self) -> None:
        self.parts: deque[memoryview] = deque()
        self.tail: HeaderBlock | None = None
        self.ends = False


class Stream:
    """Made by a connection. `owner` is for whoever the connection serves."""

    __slots__ = (
        "assembler", "data_bytes", "failure", "head", "held_bytes", "id", "id_bytes", "leaving_bytes", "local_done",
        "message", "moved_us", "opened_us", "owner", "queued", "receive_window", "remote_done", "response",
        "send_window", "streaming", "trailers",
    )  # fmt: skip

    def __init__(self, stream_id: int, receive_window: int, send_window: int, now_us: int) -> None:
        self.id = stream_id
        self.id_bytes = stream_id.to_bytes(4, "big")
        self.receive_window = receive_window
        self.send_window = send_window
        self.opened_us = now_us  # when its head came, or left
        self.moved_us = now_us  # when its peer last sent something for it
        self.remote_done = False
        self.local_done = False
        self.streaming = False
        self.head: RequestHead | None = None  # server
        self.response: ResponseHead | None = None  # client
        self.trailers: ResponseHead | None = None  # client
        self.failure: StreamFailure | None = None  # client
        self.message: bytes | None = None  # the whole one of a unary stream
        self.assembler: Assembler | None = None
        self.data_bytes = 0  # of DATA, for content-length
        self.held_bytes = self.leaving_bytes = 0  # buffered for it; of these, what waits to be sent
        self.queued: Queued | None = None
        self.owner: object | None = None


class Fate(enum.Enum):
    """What became of a request that got no response."""

    ANSWERED = "answered"  # the peer took it, and said no
    REFUSED = "refused"  # the peer says it never looked at it: it may be sent elsewhere
    LOST = "lost"  # the connection ended with it in flight


class StreamFailure:
    """Why a request got no response: a gRPC status, words, and what became of it."""

    __slots__ = ("code", "fate", "words")

    def __init__(self, code: int, words: str, fate: Fate = Fate.ANSWERED) -> None:
        self.code = code
        self.words = words
        self.fate = fate


Event = tuple[Kind, Stream, bytes | None]
