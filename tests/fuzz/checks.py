"""What must hold of a core, whatever its peer says."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.answers import MAX_QUEUED_PARTS
from gateway.http2.bounds import Buffers
from gateway.http2.client import ClientConnection
from gateway.http2.closed import MAX_REMEMBERED
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.server import ServerConnection
from tests.fuzz import words


def check(core: ServerConnection | ClientConnection, buffers: Buffers) -> None:
    """Raises: AssertionError for a bound that was passed."""
    bounds = words.TIGHT
    held = core.intake.held_bytes
    assert held == sum(stream.held_bytes for stream in core.streams.values()) == buffers.held_bytes
    assert 0 <= held <= min(bounds.max_connection_bytes, buffers.limit_bytes)
    assert all(stream.held_bytes <= bounds.max_stream_bytes for stream in core.streams.values())
    assert len(core.streams) <= bounds.max_concurrent_streams
    assert all(len(stream.queued.parts) <= MAX_QUEUED_PARTS + 2 for stream in core.streams.values() if stream.queued)
    assert len(core._closed._free) <= MAX_REMEMBERED
    assert set(core.outbox._ready) <= set(core.streams)
    assert len(core._reader._rest) <= bounds.max_block_bytes + frames.HEADER_BYTES
    heads = core._heads
    assert len(heads._blocks) <= bounds.max_cached_blocks
    decoder = heads._decoder
    assert isinstance(decoder, OwnDecoder) and decoder._used_bytes <= decoder._limit_bytes <= 4096
    assert core.intake.windows.stream_bytes <= bounds.max_window_bytes
    assert core.fault is not None or core.outbox.window <= frames.MAX_WINDOW_BYTES
