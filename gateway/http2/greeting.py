"""The first bytes of a connection, either way: preface, SETTINGS, the connection's window (RFC 9113 section 3.4)."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.reader import Data
from gateway.http2.windows import ReceiveWindows


def server_greeting(bounds: Bounds, windows: ReceiveWindows) -> bytes:
    """What a server sends first."""
    streams = (frames.MAX_CONCURRENT_STREAMS, bounds.max_concurrent_streams)
    return frames.settings((streams, *_of_both(bounds, windows))) + windows.open()


def client_greeting(bounds: Bounds, windows: ReceiveWindows) -> bytes:
    """What a client sends first."""
    no_push = (frames.ENABLE_PUSH, 0)
    return frames.PREFACE + frames.settings((no_push, *_of_both(bounds, windows))) + windows.open()


def _of_both(bounds: Bounds, windows: ReceiveWindows) -> tuple[tuple[int, int], ...]:
    return (
        (frames.HEADER_TABLE_SIZE, bounds.max_header_table_bytes),
        (frames.INITIAL_WINDOW_SIZE, windows.stream_bytes),
        (frames.MAX_FRAME_SIZE, bounds.frame_bytes),
        (frames.MAX_HEADER_LIST_SIZE, bounds.max_header_list_bytes),
    )


class Preface:
    """The client's 24 bytes, over as many reads as they take. `missing`: how many are still to come."""

    __slots__ = ("_wanted", "missing")

    def __init__(self) -> None:
        self._wanted = frames.PREFACE
        self.missing = len(frames.PREFACE)

    def taken_from(self, data: Data) -> Data:
        """What comes after it. Raises: ConnectionFault when it is something else: HTTP/1, TLS, anything."""
        wanted = self._wanted
        if data[: len(wanted)] != wanted[: len(data)]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this port speaks gRPC (HTTP/2) only")
        self._wanted = wanted[len(data) :]
        self.missing = len(self._wanted)
        return data[len(wanted) :]
