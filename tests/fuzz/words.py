"""Pieces of HTTP/2 that an input picks by number, so that random bytes soon say something that makes sense."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Final

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.hpack_writer import encode_fields
from tests.unit.gateway.http2.peers import OK, REQUEST, RESPONSE, STREAMING_PATH, changed, frame, prefixed

# Small enough that an input of a few hundred bytes reaches every one of them.
TIGHT: Final = Bounds(
    max_message_bytes=4000,
    max_header_list_bytes=1000,
    max_header_table_bytes=200,
    max_cached_blocks=3,
    max_continuations=2,
    max_concurrent_streams=4,
    max_resets=5,
    resets_per_s=1.0,
    max_control_frames=20,
    control_frames_per_s=2.0,
    max_unsent_controls=10,
    window_bytes=65_535,
    max_window_bytes=200_000,
    frame_bytes=16_384,
    max_stream_bytes=6000,
    max_connection_bytes=10_000,
    preface_timeout_s=1.0,
    request_timeout_s=2.0,
    write_timeout_s=2.0,
    idle_timeout_s=10.0,
    keepalive_s=5.0,
    keepalive_timeout_s=1.0,
    max_age_s=30.0,
    age_grace_s=1.0,
)
BUFFERS_BYTES: Final = 8000

STREAMS: Final = (1, 1, 3, 3, 5, 7, 9, 11, 0, 2, 255, 2**31 - 1)
SIZES: Final = (0, 1, 4, 5, 100, 1000, 3999, 4000, 4001, 16_384, 60_000)
NUMBERS: Final = (0, 1, 100, 1023, 1024, 16_383, 16_384, 65_535, 70_000, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

_MESSAGE: Final = prefixed(b"0123456789")
_COMPRESSED: Final = tuple(
    b"\1" + len(body).to_bytes(4, "big") + body
    for body in (gzip.compress(b"x" * 50, mtime=0), zlib.compress(b"x" * 50), gzip.compress(bytes(10**6), mtime=0))
)
DATA: Final = (
    b"",
    _MESSAGE,
    _MESSAGE[:3],
    _MESSAGE[:9],
    _MESSAGE[9:],
    _MESSAGE * 2,
    prefixed(b""),
    prefixed(b"m" * 3990),
    prefixed(b"m" * 3990)[:2000],
    b"n" * 2000,
    b"\0\0\0\x0f\xa1",  # a byte more than is taken
    b"\2\0\0\0\0",
    b"\0\xff\xff\xff\xff",
    *_COMPRESSED,
)

_FIELDS: Final = (
    REQUEST,
    changed(REQUEST, _path=STREAMING_PATH),
    changed(REQUEST, grpc_encoding="gzip"),
    changed(REQUEST, grpc_encoding="deflate"),
    changed(REQUEST, grpc_timeout="100m"),
    changed(REQUEST, grpc_timeout="soon"),
    changed(REQUEST, content_length="15"),
    changed(REQUEST, content_length="-1"),
    changed(REQUEST, _method="GET"),
    changed(REQUEST, content_type="text/html"),
    changed(REQUEST, te="gzip"),
    changed(REQUEST, _path=""),
    changed(REQUEST, connection="close"),
    changed(REQUEST, key_bin="AAEC,AA,?"),
    changed(REQUEST, x="y" * 900),
    RESPONSE,
    changed(RESPONSE, _status="100"),
    changed(RESPONSE, _status="503", content_type="text/html"),
    changed(RESPONSE, _status="x"),
    changed(RESPONSE, grpc_encoding="gzip"),
    (*RESPONSE, *OK),
    (*RESPONSE, ("grpc-status", "5"), ("grpc-message", "%F0%9F%90%95 %")),
    OK,
    (("grpc-status", "-7"),),
    (),
)
BLOCKS: Final = (
    *(encode_fields(fields) for fields in _FIELDS),
    b"\x40\x01a\x01b",  # a field that enters the table
    b"\xbe",  # the newest one of it
    b"\x20",  # a table of no bytes
    b"\x3f\x81\x01",  # one of 160
    b"\x3f\xe1\x1f",  # one of 4096
    b"\x40\x01a\x7f\x01" + b"z" * 128,
)


def settings(identifier: int, value: int) -> bytes:
    """A SETTINGS frame of one pair, right or wrong."""
    return frame(frames.SETTINGS, 0, 0, struct.pack(">HL", identifier, value))
