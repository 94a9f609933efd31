"""Header blocks out of HEADERS and CONTINUATION frames: unpadded, bounded, in one piece."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.errors import ConnectionFault, ErrorCode, StreamFault

# (block, flags of its HEADERS frame): a block that is whole.
Whole = tuple[bytes, int]


class HeaderBlocks:
    """The block that is coming in, if one is: no other frame may come before its end. `stream_id`: 0 between blocks."""

    __slots__ = ("_flags", "_length", "_max_bytes", "_max_continuations", "_parts", "stream_id")

    def __init__(self, max_block_bytes: int, max_continuations: int) -> None:
        self.stream_id = 0
        self._flags = self._length = 0
        self._parts: list[bytes] = []
        self._max_bytes = max_block_bytes
        self._max_continuations = max_continuations

    def begin(self, stream_id: int, payload: bytes, flags: int) -> Whole | None:
        """A HEADERS frame. Raises: ConnectionFault, also for a stream that depends on itself: its block is not read."""
        start, stop = unpadded(payload, flags, 5 if flags & frames.PRIORITISED else 0)
        block = payload[start:stop]
        if flags & frames.PRIORITISED:
            try:
                priority_of(stream_id, payload[start - 5 : start])
            except StreamFault as fault:
                raise ConnectionFault(fault.code, fault.reason) from fault
        if flags & frames.END_HEADERS:
            return block, flags
        self.stream_id, self._flags, self._parts, self._length = stream_id, flags, [block], len(block)
        return None

    def go_on(self, stream_id: int, payload: bytes, flags: int) -> Whole | None:
        """A CONTINUATION frame. Raises: ConnectionFault."""
        if not self.stream_id or stream_id != self.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a CONTINUATION without its HEADERS")
        self._parts.append(payload)
        self._length += len(payload)
        if len(self._parts) - 1 > self._max_continuations or self._length > self._max_bytes:
            words = f"a header block in {len(self._parts)} frames, {self._length} bytes"
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, words)
        if not flags & frames.END_HEADERS:
            return None
        self.stream_id = 0
        parts, self._parts = self._parts, []
        return b"".join(parts), self._flags


def unpadded(payload: bytes, flags: int, fixed: int) -> tuple[int, int]:
    """(start, stop) of what is neither padding nor the `fixed` bytes before it. Raises: ConnectionFault."""
    start, stop = fixed, len(payload)
    if flags & frames.PADDED and payload:
        start, stop = fixed + 1, len(payload) - payload[0]
    if start > stop or (flags & frames.PADDED and not payload):
        code = ErrorCode.PROTOCOL_ERROR if flags & frames.PADDED and payload else ErrorCode.FRAME_SIZE_ERROR
        raise ConnectionFault(code, "a frame too short for its padding or priority")
    return start, stop


def priority_of(stream_id: int, payload: bytes) -> None:
    """Priorities are ignored, but not their faults. Raises: ConnectionFault, StreamFault."""
    if not stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a PRIORITY on stream 0")
    if len(payload) != 5:
        raise StreamFault(ErrorCode.FRAME_SIZE_ERROR, f"a PRIORITY of {len(payload)} bytes")
    if int.from_bytes(payload[:4], "big") & frames.STREAM_MASK == stream_id:
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
