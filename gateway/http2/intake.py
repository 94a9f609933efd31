"""Takes in the DATA of streams: windows, bounds on what is buffered, messages out of frames."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ErrorCode, StreamFault
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.messages import PREFIX_BYTES, Assembler, Inflater, MessageRefused
from gateway.http2.outbox import Outbox
from gateway.http2.reader import Data
from gateway.http2.stream import Stream
from gateway.http2.windows import ReceiveWindows


class Intake:
    """One connection's. `held_bytes`: of messages that arrived or wait to be sent, until their streams end.

    `leaving_bytes`: those of them that wait to be sent.
    """

    __slots__ = ("_bounds", "_buffers", "_outbox", "held_bytes", "inflater", "leaving_bytes", "windows")

    def __init__(self, bounds: Bounds, buffers: Buffers, outbox: Outbox) -> None:
        self.windows = ReceiveWindows(bounds)
        self.held_bytes = self.leaving_bytes = 0
        self.inflater = Inflater(bounds.max_decompressed_bytes)
        self._bounds = bounds
        self._buffers = buffers
        self._outbox = outbox

    def hold(self, stream: Stream, count: int) -> None:
        """Count `count` more bytes until the stream ends. Raises: MessageRefused when a bound is reached."""
        held = stream.held_bytes = stream.held_bytes + count
        self.held_bytes += count
        buffers, bounds = self._buffers, self._bounds
        buffers.held_bytes += count
        if (
            buffers.held_bytes > buffers.limit_bytes
            or self.held_bytes > bounds.max_connection_bytes
            or held > bounds.max_stream_bytes
        ):
            buffers.refused += 1
            raise MessageRefused(RESOURCE_EXHAUSTED, "no room to buffer the message; try again later")

    def hold_leaving(self, stream: Stream, count: int) -> None:
        """Count `count` bytes that wait to be sent. Raises: MessageRefused when a bound is reached."""
        stream.leaving_bytes += count
        self.leaving_bytes += count
        self.hold(stream, count)

    def release(self, stream: Stream) -> None:
        """The stream ended: nothing of it is held any more."""
        count, stream.held_bytes = stream.held_bytes, 0
        self.leaving_bytes -= stream.leaving_bytes
        stream.leaving_bytes = 0
        self.held_bytes -= count
        self._buffers.held_bytes -= count

    def release_left(self, stream: Stream) -> None:
        """All that waited to be sent has left, and the stream goes on."""
        count, stream.leaving_bytes = stream.leaving_bytes, 0
        self.leaving_bytes -= count
        stream.held_bytes -= count
        self.held_bytes -= count
        self._buffers.held_bytes -= count

    def release_taken(self, stream: Stream) -> None:
        """All that came was handed on, and the stream goes on."""
        count = stream.held_bytes - stream.leaving_bytes
        stream.held_bytes -= count
        self.held_bytes -= count
        self._buffers.held_bytes -= count

    def whole(self, stream: Stream, data: Data, start: int, stop: int) -> bool:
        """Take these bytes if they are just one message, uncompressed, the first of its stream: what calls mostly are.

        Raises: MessageRefused.
        """
        size = stop - start - PREFIX_BYTES
        if (
            size < 0
            or stream.assembler is not None
            or stream.message is not None
            or data[start]
            or int.from_bytes(data[start + 1 : start + PREFIX_BYTES], "big") != size
            or size > self._bounds.max_message_bytes
        ):
            return False
        stream.message = bytes(data[start + PREFIX_BYTES : stop])
        self.hold(stream, size)
        return True

    def amid(self, stream: Stream, data: Data, start: int, stop: int) -> bool:
        """Take these bytes if they are amid a large message, as most frames of one are. Raises: MessageRefused."""
        assembler = stream.assembler
        if assembler is None or stop - start >= assembler.wanted_bytes - assembler.held_bytes:
            return False
        self.hold(stream, stop - start)
        assembler.write(data[start:stop] if isinstance(data, memoryview) else memoryview(data)[start:stop])
        return True

    def pieces(self, stream: Stream, data: Data, start: int, stop: int, encoding: str) -> list[bytes]:
        """Take whatever came; the messages that it makes whole. Raises: MessageRefused."""
        assembler = stream.assembler
        if assembler is None:
            assembler = stream.assembler = Assembler(self._bounds.max_message_bytes, encoding, self.inflater)
        before = assembler.wanted_bytes
        self.hold(stream, stop - start)
        messages = assembler.feed(memoryview(data)[start:stop])
        if messages:
            grown = sum(map(len, messages)) - (stream.held_bytes - stream.leaving_bytes)
            if grown > 0:  # by decompression
                self.hold(stream, grown)
        wanted = assembler.wanted_bytes
        if wanted != before and wanted > self.windows.stream_bytes:
            sample = self.windows.sample()
            if sample:
                self._outbox.control(sample)
        return messages

    def sampled(self, streams: Iterable[Stream]) -> None:
        """The PING came back that measured a round trip."""
        windows = self.windows
        before, grown = windows.stream_bytes, windows.sampled()
        if grown:
            self._outbox.control(grown)
            for stream in streams:  # the peer will count them so, too (RFC 9113 6.9.2)
                stream.receive_window += windows.stream_bytes - before

    def window(self, stream: Stream, count: int, ends: bool) -> None:
        """Account for `count` bytes of DATA (padding included), and allow more once half a window is used.

        Raises: StreamFault when the peer sent more than it was allowed.
        """
        left = stream.receive_window = stream.receive_window - count
        size = self.windows.stream_bytes
        if left * 2 >= size:
            return
        if left < 0:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window")
        if not ends:
            stream.receive_window = size
            self._outbox.control(frames.window_update(stream.id, size - left))
