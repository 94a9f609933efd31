"""The peer's SETTINGS: checked, and brought to what they govern (RFC 9113 section 6.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from gateway.http2 import frames
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.hpack_writer import TABLE_SIZE_ZERO
from gateway.http2.outbox import Outbox
from gateway.http2.stream import Stream

_TABLE_BYTES = 4096  # RFC 7541's default, below which the peer's table can be lowered
UNLIMITED = 2**32 - 1


class PeerSettings:
    """What the peer said last; `max_streams` matters to the client role only."""

    __slots__ = ("_outbox", "came", "max_streams")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.came = False
        self.max_streams = UNLIMITED

    def take(self, payload: bytes, streams: Iterable[Stream]) -> None:
        """Raises: ConnectionFault for what RFC 9113 forbids."""
        self.came = True
        window = self._outbox.initial_window
        for identifier, value in struct.iter_unpack(">HL", payload):
            if identifier == frames.INITIAL_WINDOW_SIZE:
                if value > frames.MAX_WINDOW_BYTES:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE is {value}")
                window = value
            elif identifier == frames.MAX_FRAME_SIZE:
                if not frames.DEFAULT_FRAME_BYTES <= value <= frames.MAX_FRAME_BYTES:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE is {value}")
                self._outbox.frame_bytes = value
            elif identifier == frames.MAX_CONCURRENT_STREAMS:
                self.max_streams = value
            elif identifier == frames.HEADER_TABLE_SIZE:
                if value < _TABLE_BYTES:
                    self._outbox.block_prefix = TABLE_SIZE_ZERO  # we use no table, and now we must say so
            elif identifier == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH is {value}")
        if window != self._outbox.initial_window:  # once, however often one frame says it: it costs a turn of streams
            self._take_window(window, streams)

    def _take_window(self, value: int, streams: Iterable[Stream]) -> None:
        difference = value - self._outbox.initial_window
        self._outbox.initial_window = value
        for stream in streams:
            if stream.send_window + difference > frames.MAX_WINDOW_BYTES:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window grew beyond 2^31-1")
            self._outbox.opened(stream, difference)
