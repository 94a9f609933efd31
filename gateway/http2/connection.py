"""What the two roles of an HTTP/2 connection share beyond its streams: control frames, and how a connection ends.

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
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault
from gateway.http2.floods import Updates
from gateway.http2.keepalive import PAYLOAD as KEEPALIVE
from gateway.http2.keepalive import Keepalive
from gateway.http2.open_streams import Streams
from gateway.http2.reader import Data, FrameReader
from gateway.http2.settings import PeerSettings
from gateway.http2.stream import Event, Stream
from gateway.http2.windows import SAMPLE

MIN_BLAMELESS_US = 12_500  # a client may not say that its time is up at once, and so reset as fast as it likes
DRAINING = b"tg-drain"


class Connection(Streams):
    """One connection; `refused` as in Streams."""

    def __init__(self, bounds: Bounds, buffers: Buffers, refused: Counter[str], now_us: int) -> None:
        super().__init__(bounds, buffers, refused, now_us)
        self.fault: ConnectionFault | None = None
        self.peer = PeerSettings(self.outbox)
        self._updates = Updates(self.controls, bounds.min_window_update_bytes)
        self._reader = FrameReader(bounds, self)
        self._keepalive = Keepalive(bounds, self.outbox)

    # Commands

    def receive(self, data: Data, now_us: int) -> list[Event]:
        """What these bytes mean for calls; after a fault nothing is read any more."""
        if self.fault is None:
            self.heard_us = now_us
            self.intake.inflater.left_bytes = self.bounds.max_decompressed_bytes
            try:
                if self._reader.preface is not None:
                    data = self._reader.past_preface(self._reader.preface, data)
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
