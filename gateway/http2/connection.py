"""What the two roles of an HTTP/2 connection share: DATA, control frames, how streams and connections end.

Theory of operation. `receive` takes bytes as they come from the socket and returns what happened to calls; whatever has
to be sent collects in `outbox`, which the shell empties once a turn. Nothing in here knows a socket or a clock: the
shell passes `now_us`, and calls `tick` about once a second for everything that depends on time alone.

A fault of the peer ends one stream (StreamFault) or the connection (ConnectionFault: GOAWAY
leaves, `fault` is set, nothing is read any more, the shell writes what is left and closes).
"""

from __future__ import annotations

from collections import Counter

from gateway.http2 import frames
from gateway.http2.blocks import priority_of
from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.closed import ClosedStreams
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault
from gateway.http2.floods import Bucket, Updates
from gateway.http2.intake import Intake
from gateway.http2.keepalive import PAYLOAD as KEEPALIVE
from gateway.http2.keepalive import Keepalive
from gateway.http2.messages import MessageRefused
from gateway.http2.outbox import Outbox
from gateway.http2.reader import Data, FrameReader
from gateway.http2.role import Role
from gateway.http2.settings import PeerSettings
from gateway.http2.stream import Event, Stream
from gateway.http2.windows import SAMPLE

MIN_BLAMELESS_US = 12_500  # a client may not say that its time is up at once, and so reset as fast as it likes
DRAINING = b"tg-drain"


class Connection(Role):
    """One connection; `refused` counts by bound what was turned away, for the whole process."""

    def __init__(self, bounds: Bounds, buffers: Buffers, refused: Counter[str], now_us: int) -> None:
        self.bounds = bounds
        self.refused = refused
        self.fault: ConnectionFault | None = None
        self.streams: dict[int, Stream] = {}
        self.last_id = 0  # of the streams that were opened
        self.opened_us = self.heard_us = self.idle_since_us = now_us
        self.outbox = Outbox(bounds.max_unsent_controls, self._sent)
        self.intake = Intake(bounds, buffers, self.outbox)
        self.outbox.emptied = self.intake.release_left
        self.peer = PeerSettings(self.outbox)
        self.controls = Bucket("control frames", bounds.max_control_frames, bounds.control_frames_per_s)
        self._resets = Bucket("resets", bounds.max_resets, bounds.resets_per_s, per_call=1)
        self._updates = Updates(self.controls, bounds.min_window_update_bytes)
        self._reader = FrameReader(bounds, self)
        self._closed = ClosedStreams(bounds, self.controls, self.outbox)
        self._keepalive = Keepalive(bounds, self.outbox)
        self._events: list[Event] = []

    # Commands

    def receive(self, data: Data, now_us: int) -> list[Event]:
        """What these bytes mean for calls; after a fault nothing is read any more."""
        if self.fault is None:
            self.heard_us = now_us
            self.intake.inflater.left_bytes = self.bounds.max_decompressed_bytes
            try:
                self._reader.read(data, now_us)
                self._check_unsent()
            except ConnectionFault as fault:
                self.fail(fault)
        events, self._events = self._events, []  # none is kept: messages may be large
        return events

    def fail(self, fault: ConnectionFault) -> None:
        """End the connection for a fault: the peer is told, and nothing is read any more."""
        if self.fault is None:
            self.fault = fault
            if fault.code is not ErrorCode.NO_ERROR:
                self.refused[f"connection_{fault.code.name.lower()}"] += 1
            self.outbox.writable = True
            self.outbox.control(frames.goaway(self._last_taken(), fault.code, fault.reason))

    def abandon(self) -> list[Stream]:
        """The socket is gone: the streams that were open; their bytes are held no more."""
        streams = list(self.streams.values())
        for stream in streams:
            self._close(stream)
        return streams

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """End a stream at once, from our side; nothing when it has ended."""
        if self.streams.get(stream.id) is stream:  # not another connection's of that number
            self.outbox.forget(stream)
            self._reset_id(stream.id, code)
            self._close(stream)

    @property
    def crowded(self) -> bool:
        """Whether so much is buffered for this connection that it should not be read from.

        What waits to be sent doesn't count: only reading on brings the windows for it. Nor does it while all of it is
        messages whose rest is to come: nothing but reading on makes room then.
        """
        taken_bytes = self.intake.held_bytes - self.intake.leaving_bytes
        much = taken_bytes * 2 > self.bounds.max_connection_bytes
        return much and any(stream.remote_done for stream in self.streams.values())

    def _tick(self, now_us: int) -> None:
        """What both roles do with time. Raises: ConnectionFault."""
        self._check_unsent()
        self._keepalive.tick(now_us - self.heard_us, bool(self.streams), now_us)

    def _check_unsent(self) -> None:
        if self.outbox.overfull:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "answers pile up unread")

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

    # Control frames

    def control(self, kind: int, flags: int, stream_id: int, payload: bytes, now_us: int) -> None:
        """Every frame but DATA and header blocks; kinds that are unknown here mean nothing."""
        if kind == frames.WINDOW_UPDATE:
            self._window_update(stream_id, payload, now_us)
            return
        if kind == frames.RST_STREAM:
            self._rst_stream(stream_id, payload, now_us)
            return
        self.controls.take(now_us)
        if kind == frames.PING:
            self._ping(stream_id, payload, flags)
        elif kind == frames.SETTINGS:
            self._settings(stream_id, payload, flags)
        elif kind == frames.GOAWAY:
            frames.check(kind, stream_id == 0, len(payload) >= 8)
            self._goaway(int.from_bytes(payload[:4], "big") & frames.STREAM_MASK)
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a PUSH_PROMISE, which nobody may send us")
        elif kind == frames.PRIORITY:
            self._priority(stream_id, payload, now_us)

    def _window_update(self, stream_id: int, payload: bytes, now_us: int) -> None:
        frames.check(frames.WINDOW_UPDATE, True, len(payload) == 4)
        increment = int.from_bytes(payload, "big") & frames.STREAM_MASK
        stream = self.streams.get(stream_id)
        if not stream_id:
            self.outbox.all_opened(increment)
        elif stream is None:
            if self._is_idle(stream_id):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a WINDOW_UPDATE on stream {stream_id}, idle")
        elif not increment:
            self._fault(stream, StreamFault(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE by 0"), now_us)
        else:
            try:
                self.outbox.opened(stream, increment)
            except StreamFault as fault:
                self._fault(stream, fault, now_us)
        if stream is None and stream_id:
            self.controls.take(now_us)
        else:
            self._updates.take(increment, self.outbox.moved, now_us)

    def _rst_stream(self, stream_id: int, payload: bytes, now_us: int) -> None:
        frames.check(frames.RST_STREAM, stream_id > 0, len(payload) == 4)
        stream = self.streams.get(stream_id)
        if stream is not None:
            timeout_us = None if stream.head is None else stream.head.timeout_us
            if timeout_us is None or (now_us - stream.moved_us) * 5 < max(timeout_us, MIN_BLAMELESS_US) * 4:
                self._resets.take(now_us)  # else its time was up, and no client is blamed for that
            self.outbox.forget(stream)
            self._closed.by_peer(stream_id)
            self._close(stream)
            self._was_reset(stream, int.from_bytes(payload, "big"))
        elif self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"RST_STREAM on stream {stream_id}, which is idle")
        elif not self._closed.crossed(stream_id):
            self.controls.take(now_us)

    def _ping(self, stream_id: int, payload: bytes, flags: int) -> None:
        frames.check(frames.PING, stream_id == 0, len(payload) == 8)
        if not flags & frames.ACK:
            self.outbox.control(frames.ping_ack(payload))
        elif payload == SAMPLE:
            self.intake.sampled(self.streams.values())
        elif payload == KEEPALIVE:
            self._keepalive.answered()
        elif payload == DRAINING:
            self.drain_heard()

    def _settings(self, stream_id: int, payload: bytes, flags: int) -> None:
        frames.check(frames.SETTINGS, stream_id == 0, not (len(payload) if flags & frames.ACK else len(payload) % 6))
        if not flags & frames.ACK:
            self.peer.take(payload, self.streams.values())
            self.outbox.control(frames.SETTINGS_ACK)

    def _priority(self, stream_id: int, payload: bytes, now_us: int) -> None:
        try:
            priority_of(stream_id, payload)
        except StreamFault as fault:
            stream = self.streams.get(stream_id)
            if stream is not None:
                self._fault(stream, fault, now_us)
            elif self._is_idle(stream_id):  # which may not be reset
                raise ConnectionFault(fault.code, fault.reason) from fault
            else:
                self._reset_id(stream_id, fault.code)

    # Ends

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
