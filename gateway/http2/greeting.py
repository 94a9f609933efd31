"""What either side sends first: preface, SETTINGS, the connection's window (RFC 9113 section 3.4)."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
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
