"""Peers in memory: one that speaks frames by hand to a core, and a client core and a server core joined by a wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.client import ClientConnection
from gateway.http2.connection import Connection
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import decode_message
from gateway.http2.heads import Metadata
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.messages import prefixed_length
from gateway.http2.responses import OK_TRAILERS, head_block
from gateway.http2.server import ServerConnection
from gateway.http2.stream import Event, HeaderBlock, Kind, Message, Stream, StreamFailure

SECOND_US = 1_000_000
PATH = "/tests.Room/Echo"
STREAMING_PATH = "/tests.Room/Watch"
REQUEST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", PATH),
    (":authority", "tests"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)
RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))
OK = (("grpc-status", "0"),)


class Frame(NamedTuple):
    """One frame, taken apart."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of an RST_STREAM or a GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == frames.GOAWAY else self.payload, "big")


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """A frame as bytes, right or wrong."""
    return frames.opening(len(payload), kind, flags) + stream_id.to_bytes(4, "big") + payload


def parsed(data: bytes) -> list[Frame]:
    """Whole frames out of what a core sent."""
    found: list[Frame] = []
    while data:
        high, low, kind, flags, stream_id = frames.read_header(data)
        stop = frames.HEADER_BYTES + (high << 8 | low)
        assert len(data) >= stop, "half a frame was sent"
        found.append(Frame(kind, flags, stream_id, data[frames.HEADER_BYTES : stop]))
        data = data[stop:]
    return found


def prefixed(message: bytes) -> bytes:
    """A gRPC message with its prefix, uncompressed."""
    return prefixed_length(len(message)) + message


def changed(fields: Iterable[tuple[str, str]], **changes: str | None) -> list[tuple[str, str]]:
    """Fields with other values, more of them, or fewer (None); "_" stands for "-", a leading one for ":"."""
    wanted = {name.replace("_", ":", 1) if name[0] == "_" else name: value for name, value in changes.items()}
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    kept = [(name, wanted.pop(name, value)) for name, value in fields]
    return [(name, value) for name, value in (*kept, *wanted.items()) if value is not None]


def taken(connection: Connection) -> bytes:
    """All that the core has to send now."""
    sent = b""
    while connection.outbox.pending and connection.outbox.writable:
        chunks, _ = connection.outbox.take()
        sent += b"".join(chunks)
    return sent


class RawPeer:
    """Speaks frames to a core, and reads what it answers. `now_us` is the time at the core."""

    def __init__(self, core: Connection) -> None:
        self.core = core
        self.now_us = SECOND_US
        self.decoder = OwnDecoder()
        self.events: list[Event] = []  # all so far

    def say(self, *data: bytes) -> list[Event]:
        """These bytes arrive in one piece; what the core makes of them."""
        events = self.core.receive(b"".join(data), self.now_us)
        self.events += events
        return events

    def alive(self) -> bool:
        """Whether the core goes on with us."""
        return self.core.fault is None

    def died_of(self, *said: bytes) -> ErrorCode:
        """These bytes end the connection: by which code, in its GOAWAY too."""
        self.say(*said)
        assert self.core.fault is not None, "it goes on"
        last = self.heard()[-1]
        assert (last.kind, last.code) == (frames.GOAWAY, self.core.fault.code)
        return self.core.fault.code

    def heard(self) -> list[Frame]:
        """What the core sent since."""
        return parsed(taken(self.core))

    def heard_of(self, kind: int) -> list[Frame]:
        """The frames of one kind among them."""
        return [found for found in self.heard() if found.kind == kind]

    def fields(self, found: Frame) -> dict[str, str]:
        """Of a HEADERS frame; all of the connection's must be read, in their order."""
        return dict(self.decoder.decode(found.payload))


def headers(stream_id: int, fields: Sequence[tuple[str, str]], ends: bool = False) -> bytes:
    """A header block in one frame."""
    flags = frames.END_HEADERS | (frames.END_STREAM if ends else 0)
    return frame(frames.HEADERS, flags, stream_id, encode_fields(fields))


def data(stream_id: int, payload: bytes, ends: bool = False) -> bytes:
    """A DATA frame."""
    return frame(frames.DATA, frames.END_STREAM if ends else 0, stream_id, payload)


def request(stream_id: int, message: bytes = b"ping", fields: Sequence[tuple[str, str]] = REQUEST) -> bytes:
    """A whole unary call."""
    return headers(stream_id, fields) + data(stream_id, prefixed(message), ends=True)


def response(stream_id: int, message: bytes = b"pong", tail: Sequence[tuple[str, str]] = OK) -> bytes:
    """A whole answer."""
    return headers(stream_id, RESPONSE) + data(stream_id, prefixed(message)) + headers(stream_id, tail, ends=True)


class RawClient(RawPeer):
    """Speaks to a server core."""

    core: ServerConnection

    def __init__(
        self, bounds: Bounds | None = None, buffers: Buffers | None = None, *pairs: tuple[int, int], opened: bool = True
    ) -> None:
        self.buffers = buffers or Buffers(2**30)
        self.refused: Counter[str] = Counter()
        paths = frozenset({STREAMING_PATH})
        super().__init__(ServerConnection(bounds or Bounds(), self.buffers, self.refused, paths, SECOND_US))
        if opened:
            self.say(frames.PREFACE + frames.settings(pairs))
            self.heard()

    def statuses(self) -> list[tuple[int, str]]:
        """(gRPC status, message) of each response that ended since; -1 for one without."""
        told = [self.fields(found) for found in self.heard_of(frames.HEADERS)]
        return [
            (int(fields.get("grpc-status", -1)), decode_message(fields.get("grpc-message", "")))
            for fields in told
            if "grpc-status" in fields or fields[":status"] != "200"
        ]


class RawServer(RawPeer):
    """Speaks to a client core."""

    core: ClientConnection

    def __init__(
        self, bounds: Bounds | None = None, buffers: Buffers | None = None, *pairs: tuple[int, int], opened: bool = True
    ) -> None:
        self.buffers = buffers or Buffers(2**30)
        self.refused: Counter[str] = Counter()
        super().__init__(ClientConnection(bounds or Bounds(), self.buffers, self.refused, SECOND_US))
        if opened:
            sent = taken(self.core)
            assert sent.startswith(frames.PREFACE)
            self.say(frames.settings(pairs))
            self.heard()

    def call(self, message: Message = b"ping") -> Stream:
        """The core sends a call."""
        return self.core.send(HeaderBlock(encode_fields(REQUEST)), message, self.now_us)

    def failure(self) -> StreamFailure:
        """Why the last call failed; nothing is left of it."""
        kind, stream, _ = self.events[-1]
        assert kind is Kind.FAILED and stream.failure is not None
        assert (self.core.streams, self.buffers.held_bytes) == ({}, 0)
        return stream.failure


class Pair:
    """A client core and a server core joined by a wire. The server answers a call when `answer` is called."""

    def __init__(self, client: Bounds | None = None, server: Bounds | None = None) -> None:
        self.now_us = SECOND_US
        self.buffers = Buffers(2**30)
        self.refused: Counter[str] = Counter()
        paths = frozenset({STREAMING_PATH})
        self.client = ClientConnection(client or Bounds(), self.buffers, self.refused, self.now_us)
        self.server = ServerConnection(server or Bounds(), self.buffers, self.refused, paths, self.now_us)
        self.requests: list[Stream] = []
        self.ended: list[tuple[Kind, Stream, bytes | None]] = []  # at the client

    def send(self, message: Message, *more: tuple[str, str]) -> Stream:
        """A call leaves the client."""
        return self.client.send(HeaderBlock(encode_fields((*REQUEST, *more))), message, self.now_us)

    def answer(self, stream: Stream, message: Message, metadata: Metadata = ()) -> bool:
        """The server answers well."""
        return self.server.respond(stream, head_block(metadata), message, OK_TRAILERS)

    def to_server(self, sent: bytes) -> None:
        """Bytes of the client arrive."""
        for kind, stream, _ in self.server.receive(sent, self.now_us) if sent else ():
            if kind is Kind.REQUEST:
                self.requests.append(stream)

    def to_client(self, sent: bytes) -> None:
        """Bytes of the server arrive."""
        self.ended += self.client.receive(sent, self.now_us) if sent else []

    def run(self) -> None:
        """Carry bytes both ways until neither has any more."""
        moved = True
        while moved:
            up, down = taken(self.client), taken(self.server)
            self.to_server(up)
            self.to_client(down)
            moved = bool(up or down)
