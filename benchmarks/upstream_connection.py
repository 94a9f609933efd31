"""One connection of the fast upstream: HTTP/2 for unary gRPC, whole requests in, whole replies out in one write."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from hpack import Encoder

from benchmarks import frames
from benchmarks.frames import FRAME_HEAD, Splitter, WrongPeer, frame
from benchmarks.one_field import OneField

STREAM_WINDOW: Final = 64 * 2**20  # more than any request here, so that only the connection's window needs care
WINDOW: Final = 2**30
UNIMPLEMENTED: Final = 12

# Path and framed message, in the parts that came -> framed reply, or the number of a gRPC status.
Answer = Callable[[str, list[bytes]], bytes | int]


def _reply_blocks(indexed: bool) -> list[tuple[bytes, bytes]]:
    """Headers and trailers of a connection's first reply, and of all later ones."""
    encoder = Encoder()
    if not indexed:
        encoder.header_table_size = 0
    head, trailers = [(":status", "200"), ("content-type", "application/grpc")], [("grpc-status", "0")]
    return [(encoder.encode(head), encoder.encode(trailers)) for _ in range(2)]


BLOCKS: Final = {indexed: _reply_blocks(indexed) for indexed in (True, False)}


class Connection(asyncio.Protocol):
    """Answers each request as it is whole; replies wait only for the peer's window."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._splitter, self._path = Splitter(), OneField(":path", 4)
        self._preface = b""
        self._streams: dict[int, list[bytes]] = {}  # block, then DATA
        self._paths: dict[int, str] = {}
        self._out: list[bytes] = []
        self._waiting: deque[tuple[int, list[bytes]]] = deque()
        self._room, self._stream_room = frames.FIRST_WINDOW, frames.FIRST_WINDOW
        self._taken = 0
        self._blocks = BLOCKS[True]
        self._replied = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._transport.write(frames.settings(initial_window_size=STREAM_WINDOW) + frames.window_update(0, WINDOW))

    def data_received(self, data: bytes) -> None:
        try:
            if len(self._preface) < len(frames.PREFACE):
                data = self._past_preface(data)
            for received in self._splitter.split(data):
                self._receive(*received)
        except (WrongPeer, IndexError, KeyError) as error:
            print(f"fast upstream: {error!r}; connection closed", flush=True)
            self._transport.abort()
            return
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _past_preface(self, data: bytes) -> bytes:
        missing = len(frames.PREFACE) - len(self._preface)
        self._preface += data[:missing]
        if not frames.PREFACE.startswith(self._preface):
            raise WrongPeer("the connection does not begin with HTTP/2's preface")
        return data[missing:]

    def _receive(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.DATA:
            self._took(len(payload))
            if stream in self._streams:  # else reset by the peer meanwhile
                self._streams[stream].append(frames.content(flags, payload) if flags & frames.PADDED else payload)
        elif kind == frames.HEADERS:
            self._streams[stream] = [frames.content(flags, payload)]
        elif kind == frames.CONTINUATION:
            self._streams[stream][0] += payload
        else:
            self._receive_other(kind, flags, stream, payload)
            return
        if kind != frames.DATA and flags & frames.END_HEADERS:
            self._paths[stream] = self._path.read(self._streams[stream].pop(0)) or ""
        if kind != frames.CONTINUATION and flags & frames.END_STREAM and stream in self._streams:
            self._waiting.append((stream, self._streams.pop(stream)))
            self._reply()

    def _receive_other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE and not stream:
            self._room += int.from_bytes(payload, "big")
            self._reply()
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            asked = frames.read_settings(payload)
            if asked.get(frames.HEADER_TABLE_SIZE, frames.TABLE_BYTES) < frames.TABLE_BYTES and not self._replied:
                self._blocks = BLOCKS[False]
            self._stream_room = asked.get(frames.INITIAL_WINDOW_SIZE, self._stream_room)
            self._out.append(frame(frames.SETTINGS, frames.ACK, 0))
        elif kind == frames.PING and not flags & frames.ACK:
            self._out.append(frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.RST_STREAM:
            self._streams.pop(stream, None)
            self._paths.pop(stream, None)

    def _took(self, count: int) -> None:
        """Give the connection's window back, seldom."""
        self._taken += count
        if self._taken > WINDOW // 2:
            self._out.append(frames.window_update(0, self._taken))
            self._taken = 0

    def _reply(self) -> None:
        while self._waiting:
            stream, request = self._waiting[0]
            reply = self._answer(self._paths.get(stream, ""), request)
            if isinstance(reply, int):
                self._out.append(_refusal(stream, reply))
            elif len(reply) > self._room:
                return  # until the next WINDOW_UPDATE
            elif len(reply) > min(self._stream_room, frames.MOST_PAYLOAD):
                raise WrongPeer(f"a reply of {len(reply)} bytes does not fit the peer's window of {self._stream_room}")
            else:
                self._room -= len(reply)
                self._out += self._framed(stream.to_bytes(4, "big"), reply)
            self._waiting.popleft()
            self._paths.pop(stream, None)

    def _framed(self, stream: bytes, reply: bytes) -> tuple[bytes, ...]:
        head, trailers = self._blocks[self._replied]
        self._replied = True
        return (
            *(b"\0\0%c\x01\x04" % len(head), stream, head),
            *(len(reply).to_bytes(3, "big") + b"\0\0", stream, reply),
            *(b"\0\0%c\x01\x05" % len(trailers), stream, trailers),
        )


def _refusal(stream: int, status: int) -> bytes:
    """Trailers only, in words that need no table."""
    block = b"\x88\x0f\x10\x10application/grpc\x00\x0bgrpc-status%c%d" % (len(str(status)), status)
    return frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, block)


assert FRAME_HEAD == 9  # as _framed writes it
