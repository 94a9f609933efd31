"""HTTP/2 frames as bytes: numbers of the wire (RFC 9113 sections 4 and 6) and the builders of those we send."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from gateway.http2.errors import ConnectionFault, ErrorCode

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES: Final = 9
# Length (its high 16 bits, its low 8), type, flags, stream identifier with the reserved bit.
read_header = struct.Struct(">HBBBL").unpack_from
STREAM_MASK: Final = 0x7FFF_FFFF
MAX_STREAM_ID: Final = 2**31 - 1

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6

DEFAULT_WINDOW_BYTES: Final = 65_535
MAX_WINDOW_BYTES: Final = 2**31 - 1
DEFAULT_FRAME_BYTES: Final = 16_384
MAX_FRAME_BYTES: Final = 2**24 - 1

SETTINGS_ACK: Final = b"\x00\x00\x00\x04\x01\x00\x00\x00\x00"
_WINDOW_UPDATE: Final = b"\x00\x00\x04\x08\x00"
_RST_STREAM: Final = b"\x00\x00\x04\x03\x00"
_PING: Final = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00"
_PING_ACK: Final = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00"


def opening(length: int, kind: int, flags: int) -> bytes:
    """The first five bytes of a frame header; the stream's four follow."""
    return struct.pack(">HBBB", length >> 8, length & 0xFF, kind, flags)


def settings(pairs: Iterable[tuple[int, int]]) -> bytes:
    """A SETTINGS frame of (identifier, value)."""
    payload = b"".join(struct.pack(">HL", identifier, value) for identifier, value in pairs)
    return opening(len(payload), SETTINGS, 0) + b"\0\0\0\0" + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """Allows the peer `increment` more bytes on the stream, or on the connection for 0."""
    return _WINDOW_UPDATE + struct.pack(">LL", stream_id, increment)


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """Ends a stream at once."""
    return _RST_STREAM + struct.pack(">LL", stream_id, code)


def ping(opaque: bytes) -> bytes:
    """`opaque` is eight bytes, which come back."""
    return _PING + opaque


def ping_ack(opaque: bytes) -> bytes:
    """The answer to a PING."""
    return _PING_ACK + opaque


def goaway(last_stream_id: int, code: ErrorCode, words: str = "") -> bytes:
    """The last stream that may have been acted on, why, and words for whoever debugs the peer."""
    payload = struct.pack(">LL", last_stream_id, code) + words.encode()[:256]
    return opening(len(payload), GOAWAY, 0) + b"\0\0\0\0" + payload


def header_frames(stream_id: bytes, block: bytes, flags: int, max_frame_bytes: int) -> bytes:
    """HEADERS with as many CONTINUATIONs as the peer's frame size asks for; `stream_id` is its four bytes."""
    if len(block) <= max_frame_bytes:
        return b"".join((opening(len(block), HEADERS, flags | END_HEADERS), stream_id, block))
    frames = [opening(max_frame_bytes, HEADERS, flags), stream_id, block[:max_frame_bytes]]
    for start in range(max_frame_bytes, len(block), max_frame_bytes):
        part = block[start : start + max_frame_bytes]
        last = END_HEADERS if start + max_frame_bytes >= len(block) else 0
        frames += (opening(len(part), CONTINUATION, last), stream_id, part)
    return b"".join(frames)


def check(kind: int, stream_fits: bool, length_fits: bool) -> None:
    """Whether a frame came on a stream and with a length that its kind may have. Raises: ConnectionFault."""
    if not length_fits:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of kind {kind} with a wrong length")
    if not stream_fits:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a frame of kind {kind} on the wrong stream")
