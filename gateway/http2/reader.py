"""Frames out of bytes: the loop that every byte of a connection goes through.

A frame other than DATA is handed on when it is whole (it is small: bounded by its kind). DATA is handed on as it comes,
so its frames may be large; its END_STREAM comes with the last of its bytes.
"""

from __future__ import annotations

from typing import Protocol

from gateway.http2 import frames
from gateway.http2.blocks import HeaderBlocks, Whole, unpadded
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.preface import Preface

# What a socket gave: bytes, or where it is much a view of the buffer it was read into, valid until the call returns.
Data = bytes | memoryview


class Target(Protocol):
    """Who the frames are for."""

    def data(self, data: Data, start: int, stop: int, stream_id: int, flags: int, flow: int, now_us: int) -> None:
        """DATA bytes `start` to `stop`; `flow` counts their padding too."""

    def block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        """A whole header block."""

    def control(self, kind: int, flags: int, stream_id: int, payload: bytes, now_us: int) -> None:
        """Any other frame."""


class FrameReader:
    """Raises: ConnectionFault, its own and those of its target."""

    __slots__ = (
        "_blocks",
        "_data_flags",
        "_data_left",
        "_data_stream",
        "_max_data",
        "_max_other",
        "_pad",
        "_rest",
        "_target",
        "preface",
    )

    def __init__(self, bounds: Bounds, target: Target) -> None:
        self._target = target
        self._blocks = HeaderBlocks(bounds.max_block_bytes, bounds.max_continuations)
        self._max_data = bounds.frame_bytes
        self._max_other = bounds.max_block_bytes
        self.preface: Preface | None = None  # where the peer is a client, until it came
        self._rest = b""
        self._data_left = 0  # of a DATA frame whose header was read
        self._data_stream = self._data_flags = self._pad = 0

    def past_preface(self, preface: Preface, data: Data) -> Data:
        """What follows the preface in the first bytes of a client."""
        rest = preface.taken_from(data)
        if not preface.missing:
            self.preface = None
        return rest

    def read(self, data: Data, now_us: int) -> None:
        """Take what the socket gave."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        if self._data_left:
            at = self._more_data(data, end, now_us)
        while end - at >= frames.HEADER_BYTES:
            high, low, kind, flags, stream_id = frames.read_header(data, at)
            length = high << 8 | low
            stream_id &= frames.STREAM_MASK
            start = at + frames.HEADER_BYTES
            at = stop = start + length
            if length > (self._max_other if kind else self._max_data):
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of kind {kind} with {length} bytes")
            if self._blocks.stream_id and kind != frames.CONTINUATION:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block was cut off by another frame")
            if kind == frames.DATA and not flags & frames.PADDED:
                if stop > end:
                    self._data_left, self._data_stream, self._data_flags, self._pad = stop - end, stream_id, flags, 0
                    if start < end:
                        self._target.data(data, start, end, stream_id, 0, end - start, now_us)
                    return
                self._target.data(data, start, stop, stream_id, flags, length, now_us)
            elif stop > end:
                self._unfinished(data, start, end, stop, kind, stream_id, flags, now_us)
                return
            elif kind == frames.HEADERS and flags & 0x2C == frames.END_HEADERS:  # neither padded nor prioritised
                self._target.block(stream_id, bytes(data[start:stop]), flags & frames.END_STREAM, now_us)
            else:
                self._other(kind, flags, stream_id, bytes(data[start:stop]), now_us)
        if at < end:
            self._rest = bytes(data[at:])

    def _more_data(self, data: Data, end: int, now_us: int) -> int:
        """What begins a read and belongs to the DATA frame before; where that ends."""
        at = min(end, self._data_left)
        self._data_left -= at
        flags = 0 if self._data_left else self._data_flags
        stop = at - min(at, max(0, self._pad - self._data_left))
        self._target.data(data, 0, stop, self._data_stream, flags, at, now_us)
        return at

    def _unfinished(
        self, data: Data, start: int, end: int, stop: int, kind: int, stream_id: int, flags: int, now_us: int
    ) -> None:
        """A frame that goes on beyond this read: kept until it is whole, but padded DATA, which may be large."""
        if kind != frames.DATA or start == end:
            self._rest = bytes(data[start - frames.HEADER_BYTES :])
            return
        pad = data[start]
        if pad >= stop - start:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame too short for its padding")
        self._data_left, self._data_stream, self._data_flags, self._pad = stop - end, stream_id, flags, pad
        here = end - max(0, pad - self._data_left)
        self._target.data(data, start + 1, here, stream_id, 0, end - start, now_us)

    def _other(self, kind: int, flags: int, stream_id: int, payload: bytes, now_us: int) -> None:
        if kind == frames.HEADERS:
            self._whole(stream_id, self._blocks.begin(stream_id, payload, flags), now_us)
        elif kind == frames.CONTINUATION:
            self._whole(stream_id, self._blocks.go_on(stream_id, payload, flags), now_us)
        elif kind == frames.DATA:
            start, stop = unpadded(payload, flags, 0)
            self._target.data(payload, start, stop, stream_id, flags, len(payload), now_us)
        else:
            self._target.control(kind, flags, stream_id, payload, now_us)

    def _whole(self, stream_id: int, whole: Whole | None, now_us: int) -> None:
        if whole is not None:
            self._target.block(stream_id, whole[0], whole[1] & frames.END_STREAM, now_us)
