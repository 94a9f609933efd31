"""The values that gRPC writes into header fields: timeouts, messages, binary metadata, statuses (PROTOCOL-HTTP2)."""

from __future__ import annotations

import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.http2.errors import ErrorCode

# gRPC status numbers that a transport itself gives out (grpc/grpc doc/http-grpc-status-mapping.md).
CANCELLED: Final = 1
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

_UNITS_US: Final = {"H": 3_600_000_000, "M": 60_000_000, "S": 1_000_000, "m": 1000, "u": 1}
_NOT_PLAIN: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]")
_FROM_HTTP: Final = {
    400: INTERNAL, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 404: UNIMPLEMENTED,
    429: UNAVAILABLE, 502: UNAVAILABLE, 503: UNAVAILABLE, 504: UNAVAILABLE,
}  # fmt: skip
_FROM_RESET: Final[dict[int, int]] = {
    ErrorCode.REFUSED_STREAM: UNAVAILABLE, ErrorCode.CANCEL: CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: RESOURCE_EXHAUSTED, ErrorCode.INADEQUATE_SECURITY: PERMISSION_DENIED,
}  # fmt: skip


def parse_timeout_us(text: str) -> int | None:
    """Microseconds of a grpc-timeout ("100m"), nanoseconds rounded up; None when it is malformed."""
    digits, unit = text[:-1], text[-1:]
    if not (0 < len(digits) <= 8 and digits.isascii() and digits.isdigit()):
        return None
    if unit == "n":
        return -(-int(digits) // 1000)
    scale = _UNITS_US.get(unit)
    return None if scale is None else int(digits) * scale


def format_timeout(timeout_us: int) -> str:
    """A grpc-timeout of at most eight digits; it never says more than is left, nor a thousandth less."""
    if timeout_us < 1_000_000:
        return f"{max(timeout_us, 0)}u"
    if timeout_us < 100_000_000_000:
        return f"{timeout_us // 1000}m"
    return f"{min(timeout_us // 1_000_000, 99_999_999)}S"


def encode_message(text: str) -> str:
    """grpc-message: UTF-8, percent-encoded outside printable ASCII."""
    return _NOT_PLAIN.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "replace")).decode("ascii")


def decode_message(text: str) -> str:
    """What a grpc-message says; wrong percent signs are left as they came, wrong UTF-8 is replaced."""
    raw = text.encode("latin-1")
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8", "replace")


def encode_binary(value: bytes) -> str:
    """The value of a "-bin" field, unpadded base64."""
    return binascii.b2a_base64(value, newline=False).decode("ascii").rstrip("=")


def decode_binary(text: str) -> bytes | None:
    """The bytes of one value of a "-bin" field, padded or not; None when it is no base64."""
    bare = text.strip().rstrip("=")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def status_from_http(http_status: int) -> int:
    """The gRPC status of a response that brought none."""
    return _FROM_HTTP.get(http_status, UNKNOWN)


def status_from_reset(code: int) -> int:
    """The gRPC status of a stream that the peer reset."""
    return _FROM_RESET.get(code, INTERNAL)
