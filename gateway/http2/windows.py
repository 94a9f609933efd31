"""How much a peer may send us: the receive windows of a connection, grown with the bandwidth-delay product.

Theory of operation. What arrives is taken at once (the bounds on buffered bytes are elsewhere), so a window is refilled
as soon as half of it is used; a request that ends before costs no WINDOW_UPDATE on its stream. Only a message that
doesn't fit the stream's window makes windows matter: while one arrives, a PING measures a round trip, and if two thirds
of the window came within it, windows are doubled, up to the bound (the way of gRPC's BDP estimator, which samples all
traffic).
"""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode

SAMPLE = b"tg-bdp\0\0"
CONNECTION_WINDOWS = 4  # the connection's window, in stream windows


class ReceiveWindows:
    """The connection's own window, and what streams start with."""

    __slots__ = ("_left", "_max", "_sampled", "_sampling", "_size", "stream_bytes")

    def __init__(self, bounds: Bounds) -> None:
        self.stream_bytes = bounds.window_bytes
        self._max = bounds.max_window_bytes
        self._size = self._left = frames.DEFAULT_WINDOW_BYTES
        self._sampling = False
        self._sampled = 0

    def open(self) -> bytes:
        """The frame that raises the connection's window from RFC 9113's default to ours."""
        return self._resize(self.stream_bytes * CONNECTION_WINDOWS)

    def take(self, count: int) -> bytes:
        """`count` bytes of DATA came (padding included): the WINDOW_UPDATE that is due, if one is.

        Raises: ConnectionFault when the peer sent more than it was allowed.
        """
        self._left -= count
        if self._sampling:
            self._sampled += count
        if self._left * 2 >= self._size:
            return b""
        if self._left < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        increment, self._left = self._size - self._left, self._size
        return frames.window_update(0, increment)

    def sample(self) -> bytes:
        """A message beyond the stream's window has begun: the PING that measures, unless one is out."""
        if self._sampling or self.stream_bytes >= self._max:
            return b""
        self._sampling, self._sampled = True, 0
        return frames.ping(SAMPLE)

    def sampled(self) -> bytes:
        """The PING came back: the frames that grow the windows, if what came meanwhile filled them."""
        if not self._sampling:
            return b""
        self._sampling = False
        if self._sampled * 3 < self.stream_bytes * 2:
            return b""
        self.stream_bytes = min(self._max, max(self.stream_bytes, self._sampled) * 2)
        grown = self._resize(self.stream_bytes * CONNECTION_WINDOWS)
        return frames.settings([(frames.INITIAL_WINDOW_SIZE, self.stream_bytes)]) + grown

    def _resize(self, size: int) -> bytes:
        size = min(size, frames.MAX_WINDOW_BYTES)
        increment, self._size = size - self._size, size
        self._left += increment
        return frames.window_update(0, increment) if increment > 0 else b""
