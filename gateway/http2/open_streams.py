"""DATA and the streams it comes on, alike for both roles of a connection: how they fill, and all the ways they end."""

from __future__ import annotations

from collections import Counter

from gateway.http2 import frames
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.closed import ClosedStreams
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault
from gateway.http2.floods import Bucket
from gateway.http2.intake import Intake
from gateway.http2.messages import MessageRefused
from gateway.http2.outbox import Outbox
from gateway.http2.reader import Data
from gateway.http2.role import Role
from gateway.http2.stream import Event, Stream


class Streams(Role):
    """The open streams of one connection; `refused` counts by bound what was turned away, for the whole process."""

    def __init__(self, bounds: Bounds, buffers: Buffers, refused: Counter[str], now_us: int) -> None:
        self.bounds = bounds
        self.refused = refused
        self.streams: dict[int, Stream] = {}
        self.last_id = 0  # of the streams that were opened
        self.opened_us = self.heard_us = self.idle_since_us = now_us
        self.outbox = Outbox(bounds.max_unsent_controls, self._sent)
        self.intake = Intake(bounds, buffers, self.outbox)
        self.outbox.emptied = self.intake.release_left
        self.controls = Bucket("control frames", bounds.max_control_frames, bounds.control_frames_per_s)
        self._resets = Bucket("resets", bounds.max_resets, bounds.resets_per_s, per_call=1)
        self._closed = ClosedStreams(bounds, self.controls, self.outbox)
        self._events: list[Event] = []

    # DATA

    def data(self, data: Data, start: int, stop: int, stream_id: int, flags: int, flow: int, now_us: int) -> None:
        """DATA bytes `start` to `stop`, `flow` with their padding; END_STREAM only with a frame's last ones."""
        update = self.intake.windows.take(flow)
        if update:
            self.outbox.control(update)
        stream = self.streams.get(stream_id)
        ends = flags & frames.END_STREAM
        if stream is None or stream.remote_done:
            self._stray(stream_id, "DATA", now_us, flow)
            return
        if start == stop and not ends:
            self.controls.take(now_us)
        else:
            stream.moved_us = now_us
        stream.data_bytes += stop - start
        try:
            self.intake.window(stream, flow, ends > 0)
            if not self.intake.amid(stream, data, start, stop):
                self._taken(stream, data, start, stop)
            if ends:
                stream.remote_done = True
                self._half_closed(stream)
        except MessageRefused as refusal:
            self.refused["message"] += 1
            self._refuse(stream, refusal)
        except StreamFault as fault:
            self._fault(stream, fault, now_us)

    def _stray(self, stream_id: int, kind: str, now_us: int, flow: int = 0) -> None:
        """A frame on a stream that isn't open to the peer: idle, ended by it, or reset by us a moment ago."""
        if self._closed.take(stream_id, flow, now_us):
            return
        if not stream_id or self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{kind} on stream {stream_id}, which is idle")
        raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"{kind} on stream {stream_id}, which is closed")

    # Ends

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """End a stream at once, from our side; nothing when it has ended."""
        if self.streams.get(stream.id) is stream:  # not another connection's of that number
            self.outbox.forget(stream)
            self._reset_id(stream.id, code)
            self._close(stream)

    def _fault(self, stream: Stream, fault: StreamFault, now_us: int) -> None:
        """The peer made us reset a stream: as costly as its own resets (CVE-2025-8671). Raises: ConnectionFault."""
        self.refused["stream_fault"] += 1
        self.reset(stream, fault.code)
        self._was_reset(stream, fault.code)
        self._resets.take(now_us)

    def _sent(self, stream: Stream) -> None:
        """The outbox framed the last of a stream."""
        if stream.remote_done:
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        self.streams.pop(stream.id, None)
        if stream.held_bytes:
            self.intake.release(stream)
        if not self.streams:
            self.idle_since_us = self.heard_us

    def _reset_id(self, stream_id: int, code: ErrorCode) -> None:
        self._closed.by_us(stream_id)
        self.outbox.control(frames.rst_stream(stream_id, code))
