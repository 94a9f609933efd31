"""Streams that were reset a moment ago: what their peer sent before it knew is on the way still, and is its right."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.http2.floods import Bucket
from gateway.http2.outbox import Outbox

MAX_REMEMBERED = 4096
FREE_STRAYS = 4  # frames of each such stream: a response has three, a small request two
_RESET_BY_PEER = -1  # in place of a stream's free frames: it may send nothing more on it (RFC 9113 5.1)


class ClosedStreams:
    """The latest of one connection. Frames beyond what is free count against `controls`."""

    __slots__ = ("_bounds", "_controls", "_free", "_outbox")

    def __init__(self, bounds: Bounds, controls: Bucket, outbox: Outbox) -> None:
        self._bounds = bounds
        self._controls = controls
        self._outbox = outbox
        self._free: dict[int, int] = {}  # by stream, the oldest first

    def by_us(self, stream_id: int) -> None:
        """We reset it."""
        self._remember(stream_id, FREE_STRAYS)

    def by_peer(self, stream_id: int) -> None:
        """The peer reset it."""
        self._remember(stream_id, _RESET_BY_PEER)

    def crossed(self, stream_id: int) -> bool:
        """Whether a RST_STREAM of the peer's crossed our own; it sends nothing more then."""
        return self._free.pop(stream_id, None) is not None

    def take(self, stream_id: int, flow: int, now_us: int) -> bool:
        """A frame came for such a stream, with `flow` bytes of DATA. False: it was no such stream.

        Raises: ConnectionFault when there are too many of them.
        """
        free = self._free.get(stream_id)
        if free is None:
            return False
        if free == _RESET_BY_PEER:
            self._controls.take(now_us)
            self._outbox.control(frames.rst_stream(stream_id, ErrorCode.STREAM_CLOSED))
        elif flow < self._bounds.min_window_update_bytes:  # else the rest of a large message: dearer to its sender
            if free:
                self._free[stream_id] = free - 1
            else:
                self._controls.take(now_us)
        return True

    def _remember(self, stream_id: int, free: int) -> None:
        if len(self._free) >= MAX_REMEMBERED:
            del self._free[next(iter(self._free))]
        self._free[stream_id] = free
