"""HTTP/2 by hand on real sockets: a client and a server that say exactly what a test wants, and tell what they hear."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from hpack import Decoder, Encoder

from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from gateway.http2.messages import prefixed_length
from tests.fakes.tensors import PREDICT
from tests.fakes.waiting import DEADLINE_S

Fields = tuple[tuple[str, str], ...]
OPENING: Fields = ((":status", "200"), ("content-type", "application/grpc"))
OK: Fields = (("grpc-status", "0"),)


class Frame(NamedTuple):
    """One frame, taken apart."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> ErrorCode:
        """Of an RST_STREAM or a GOAWAY."""
        return ErrorCode(int.from_bytes(self.payload[4:8] if self.kind == frames.GOAWAY else self.payload, "big"))

    @property
    def ends(self) -> bool:
        """Whether its stream ends with it."""
        return self.kind in (frames.DATA, frames.HEADERS) and bool(self.flags & frames.END_STREAM)


class Wire:
    """One end of a connection. SETTINGS and PING are acknowledged while it reads, unless `mute`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.mute = False
        self.heard: list[Frame] = []
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._decoder = Decoder()

    def say(self, *data: bytes) -> None:
        """Send these bytes."""
        self._writer.write(b"".join(data))

    def headers(self, stream_id: int, fields: Fields, ends: bool = False) -> bytes:
        """A header block in one frame."""
        block = self._encoder.encode(fields)
        flags = frames.END_HEADERS | (frames.END_STREAM if ends else 0)
        return frames.opening(len(block), frames.HEADERS, flags) + stream_id.to_bytes(4, "big") + block

    def fields(self, frame: Frame) -> dict[str, str]:
        """Of a HEADERS frame; to be asked of all that came, in their order."""
        return {str(name): str(value) for name, value in self._decoder.decode(frame.payload)}

    async def frame(self) -> Frame | None:
        """The next one; None at the connection's end."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                head = await self._reader.readexactly(frames.HEADER_BYTES)
                high, low, kind, flags, stream_id = frames.read_header(head, 0)
                payload = await self._reader.readexactly(high << 8 | low)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return None
        frame = Frame(kind, flags, stream_id & frames.STREAM_MASK, payload)
        self.heard.append(frame)
        if not self.mute and not flags & frames.ACK:
            if kind == frames.SETTINGS:
                self.say(frames.SETTINGS_ACK)
            elif kind == frames.PING:
                self.say(frames.ping_ack(payload))
        return frame

    async def hears(self, kind: int, stream_id: int | None = None) -> Frame:
        """Read on until such a frame comes. Raises: AssertionError when the connection ends before."""
        while True:
            frame = await self.frame()
            assert frame is not None, f"the connection ended without a frame of kind {kind}; heard {self.heard}"
            if frame.kind == kind and stream_id in (None, frame.stream_id):
                return frame

    async def ends(self) -> list[Frame]:
        """Read to the connection's end; all that was heard."""
        while await self.frame() is not None:
            pass
        return self.heard

    @property
    def tls(self) -> ssl.SSLObject:
        """What the handshake agreed on."""
        session: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return session

    def close(self) -> None:
        """Go."""
        self._writer.close()


class RawClient(Wire):
    """Opened by `connect`. Streams have the numbers that the test gives."""

    @classmethod
    async def connect(
        cls,
        port: int = 0,
        *pairs: tuple[int, int],
        path: Path | None = None,
        tls: ssl.SSLContext | None = None,
        preface: bytes | None = None,
    ) -> RawClient:
        """With these SETTINGS, or with other first bytes."""
        if path is not None:
            reader, writer = await asyncio.open_unix_connection(path)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        client = cls(reader, writer)
        client.say(frames.PREFACE + frames.settings(pairs) if preface is None else preface)
        return client

    def request(self, stream_id: int, message: bytes = b"hello", path: str = PREDICT, more: Fields = ()) -> bytes:
        """A whole unary call, small enough for one frame."""
        return self.opening(stream_id, path, more) + data(stream_id, prefixed(message), ends=True)

    def opening(self, stream_id: int, path: str = PREDICT, more: Fields = ()) -> bytes:
        """The head of a call."""
        head = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"))
        return self.headers(stream_id, (*head, ("te", "trailers"), ("content-type", "application/grpc"), *more))

    async def answer(self, stream_id: int) -> tuple[int, bytes]:
        """(gRPC status, what its DATA brought) once the stream has ended; -1 when it was reset."""
        body = b""
        while True:
            frame = await self.frame()
            assert frame is not None, f"the connection ended before stream {stream_id}"
            status = self.fields(frame).get("grpc-status") if frame.kind == frames.HEADERS else None
            if frame.stream_id != stream_id:
                continue
            if frame.kind == frames.RST_STREAM:
                return -1, body
            body += frame.payload if frame.kind == frames.DATA else b""
            if frame.ends:
                return int(status or -1), body


class RawServer:
    """Listens; each connection is handed to `serve`, its preface read and `pairs` said as SETTINGS."""

    def __init__(self, serve: Callable[[Wire], Awaitable[None]], *pairs: tuple[int, int]) -> None:
        self.address = ""
        self.connections: list[Wire] = []
        self._serve = serve
        self._pairs = pairs
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its address."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.address

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for wire in self.connections:
            wire.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        assert await reader.readexactly(len(frames.PREFACE)) == frames.PREFACE
        wire.say(frames.settings(self._pairs))
        self.connections.append(wire)
        await self._serve(wire)


def prefixed(message: bytes) -> bytes:
    """A gRPC message with its prefix, uncompressed."""
    return prefixed_length(len(message)) + message


def data(stream_id: int, payload: bytes, ends: bool = False) -> bytes:
    """A DATA frame."""
    flags = frames.END_STREAM if ends else 0
    return frames.opening(len(payload), frames.DATA, flags) + stream_id.to_bytes(4, "big") + payload


def reply(wire: Wire, stream_id: int, message: bytes = b"pong") -> bytes:
    """A whole answer."""
    opening, tail = wire.headers(stream_id, OPENING), wire.headers(stream_id, OK, ends=True)
    return opening + data(stream_id, prefixed(message)) + tail
