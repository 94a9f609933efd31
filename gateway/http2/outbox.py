"""What a connection sends: frames in order, DATA within the peer's windows, large messages piece by piece.

Theory of operation. A small message leaves whole, headers, DATA and trailers as one piece of bytes, if the peer's
windows have room and the socket takes bytes. Anything else waits at its stream and is framed by `take`, round robin, a
quantum at a time, as views of the message: nothing is copied, and a peer that doesn't read makes us hold one quantum
beside the messages themselves, which are counted.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.http2 import frames
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault
from gateway.http2.messages import PREFIX_BYTES, prefixed_length
from gateway.http2.stream import HeaderBlock, Message, Queued, Stream

QUANTUM_BYTES = 512 * 1024
SLICE_BYTES = 64 * 1024  # of one stream before another's turn comes
_SMALL = 16_384  # of frames: every peer takes them

Chunk = bytes | memoryview


class Outbox:
    """`writable` is set by the shell: False while the socket's buffer is full. `sent` hears of streams that ended."""

    __slots__ = (
        "_bulky", "_frames", "_max_unsent", "_ready", "_sent", "_unsent", "block_prefix", "emptied", "frame_bytes",
        "initial_window", "moved", "window", "writable",
    )  # fmt: skip

    def __init__(self, max_unsent: int, sent: Callable[[Stream], None]) -> None:
        self.writable = True
        self.window = self.initial_window = frames.DEFAULT_WINDOW_BYTES
        self.frame_bytes = frames.DEFAULT_FRAME_BYTES
        self.moved = 0  # bytes of DATA framed so far
        self.block_prefix = b""  # what the next header block must begin with: the peer lowered its table
        self._frames: list[Chunk] = []
        self._bulky = False
        self._ready: dict[int, Stream] = {}  # with something queued and room in their own window
        self._unsent = 0  # answers that collected while the socket took nothing
        self._max_unsent = max_unsent
        self._sent = sent
        self.emptied: Callable[[Stream], None] | None = None  # hears of streams that stay open with nothing queued

    @property
    def pending(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._frames) or bool(self._ready and self.window > 0)

    @property
    def overfull(self) -> bool:
        """Whether the peer makes us answer and doesn't read: its connection should end."""
        return self._unsent > self._max_unsent

    def control(self, frame: bytes) -> None:
        """A frame outside flow control."""
        self._frames.append(frame)
        if not self.writable:
            self._unsent += 1

    def headers(self, stream: Stream, block: HeaderBlock, last: bool) -> None:
        """A header block alone: the start of a response, or trailers-only."""
        data = block.data
        if self.block_prefix:
            data, self.block_prefix = self.block_prefix + data, b""
        flags = frames.END_STREAM if last else 0
        self._frames.append(frames.header_frames(stream.id_bytes, data, flags, frames.DEFAULT_FRAME_BYTES))
        if last:
            if not self.writable:
                self._unsent += 1
            self._ended(stream)

    def message(self, stream: Stream, head: HeaderBlock, message: bytes, tail: HeaderBlock | None) -> bool:
        """A whole small unary message at once, with END_STREAM or trailers. False: it must be queued instead."""
        size = len(message) + PREFIX_BYTES
        if (
            size > _SMALL
            or size > self.window
            or size > stream.send_window
            or not self.writable
            or self.block_prefix
            or not head.fits
            or not (tail is None or tail.fits)
        ):
            return False
        self.window -= size
        self.moved += size
        stream.send_window -= size
        number = stream.id_bytes
        length = size.to_bytes(3, "big")
        prefix = b"\0" + (size - PREFIX_BYTES).to_bytes(4, "big")
        parts = [head.opening, number, head.data, length, b"\0\0" if tail else b"\0\1", number, prefix, message]
        if tail is not None:
            parts += (tail.last_opening, number, tail.data)
        self._frames.append(b"".join(parts))
        self._ended(stream)
        return True

    def queue(
        self, stream: Stream, message: Message | None, tail: HeaderBlock | None, ends: bool, framed: bool = True
    ) -> None:
        """A message, trailers or an end, to be framed as windows and socket allow, after what is queued already."""
        queued = stream.queued
        if queued is None:
            queued = stream.queued = Queued()
        if message is not None:
            pieces = (message,) if isinstance(message, bytes) else message
            if framed:
                queued.parts.append(memoryview(prefixed_length(sum(map(len, pieces)))))
            queued.parts.extend(memoryview(piece) for piece in pieces if piece)
        queued.tail = tail
        queued.ends = ends
        if not queued.parts:  # trailers know no window: they needn't wait for another's DATA
            self._frame_end(stream, queued)
        elif stream.send_window > 0:
            self._ready[stream.id] = stream

    def forget(self, stream: Stream) -> None:
        """The stream was reset: what it had queued isn't sent."""
        stream.queued = None
        self._ready.pop(stream.id, None)

    def all_opened(self, increment: int) -> None:
        """The peer takes more of the connection. Raises: ConnectionFault for none more, or beyond 2^31-1."""
        self.window += increment
        if not increment or self.window > frames.MAX_WINDOW_BYTES:
            code = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
            raise ConnectionFault(code, f"a WINDOW_UPDATE by {increment}")

    def opened(self, stream: Stream, increment: int) -> None:
        """The peer takes more of the stream. Raises: StreamFault beyond 2^31-1 (RFC 9113 6.9.1)."""
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW_BYTES:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "the stream's window grew beyond 2^31-1")
        if stream.queued is not None and stream.send_window > 0:
            self._ready[stream.id] = stream

    def take(self) -> tuple[list[Chunk], bool]:
        """(what to write now, whether some of it is bulky: better not joined). Frames a quantum of what is queued.

        Nothing while the socket takes nothing: what collects meanwhile is counted.
        """
        if not self.writable:
            return [], False
        left = QUANTUM_BYTES
        while self._ready and left > 0:
            stream = next(iter(self._ready.values()))
            del self._ready[stream.id]
            framed = self._frame(stream, min(left, SLICE_BYTES))
            if framed is None:
                break
            left -= framed
        chunks, self._frames = self._frames, []
        bulky, self._bulky = self._bulky, False
        self._unsent = 0
        return chunks, bulky

    def _frame(self, stream: Stream, most: int) -> int | None:
        """Frame up to `most` bytes of a stream's queue; how many, or None when the connection's window is spent."""
        queued = stream.queued
        if queued is None:
            return 0
        done = 0
        while queued.parts and done < most:
            room = min(self.window, stream.send_window, self.frame_bytes, SLICE_BYTES)
            if room <= 0:
                break
            done += self._data_frame(stream, queued, room)
        if not queued.parts:
            self._frame_end(stream, queued)
        elif stream.send_window > 0:
            self._ready[stream.id] = stream
            if self.window <= 0:
                return None
        return done

    def _data_frame(self, stream: Stream, queued: Queued, room: int) -> int:
        """One DATA frame of at most `room` bytes, from as many parts as fill it."""
        first = queued.parts[0]
        if len(first) > room:  # amid a large message
            queued.parts[0] = first[room:]
            self.window -= room
            self.moved += room
            stream.send_window -= room
            self._frames += (frames.opening(room, frames.DATA, 0) + stream.id_bytes, first[:room])
            self._bulky = True
            return room
        pieces: list[memoryview] = []
        size = 0
        while queued.parts and size < room:
            part = queued.parts.popleft()
            if len(part) > room - size:
                queued.parts.appendleft(part[room - size :])
                part = part[: room - size]
            pieces.append(part)
            size += len(part)
        self.window -= size
        self.moved += size
        stream.send_window -= size
        ends = queued.ends and queued.tail is None and not queued.parts
        self._frames.append(frames.opening(size, frames.DATA, frames.END_STREAM if ends else 0) + stream.id_bytes)
        self._frames += pieces
        self._bulky = self._bulky or size > _SMALL // 4
        return size

    def _frame_end(self, stream: Stream, queued: Queued) -> None:
        stream.queued = None
        if queued.tail is not None:
            self.headers(stream, queued.tail, last=True)
        elif queued.ends:
            self._ended(stream)
        elif self.emptied is not None:
            self.emptied(stream)

    def _ended(self, stream: Stream) -> None:
        stream.local_done = True
        self._sent(stream)
