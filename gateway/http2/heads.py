"""What header blocks mean: the head of a request, and of a response or its trailers. Malformed ones end their stream.

RFC 9113 section 8 says what is malformed; gRPC over HTTP/2 which fields it keeps for itself.
"""

from __future__ import annotations

from typing import Final

from gateway.http2.errors import ErrorCode, StreamFault
from gateway.http2.grpc_fields import INTERNAL, UNKNOWN, decode_binary, decode_message, parse_timeout_us
from gateway.http2.hpack_table import Field

Metadata = tuple[tuple[str, str | bytes], ...]

_OF_CONNECTIONS: Final = frozenset({"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"})
# Never part of a call's metadata: they belong to the two protocols below it.
_RESERVED: Final = frozenset(
    {"te", "content-type", "content-length", "host", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"}
)
_CONTENT_TYPE: Final = "application/grpc"
# Where a request's fields go that are no metadata; pseudo-headers first.
_METHOD: Final = 0
_SCHEME: Final = 1
_PATH: Final = 2
_AUTHORITY: Final = 3
_TE: Final = 4
_TYPE: Final = 5
_LENGTH: Final = 6
_TIMEOUT: Final = 7
_ENCODING: Final = 8
_UNREAD: Final = 9
_FORBIDDEN: Final = 10
_SPECIALS: Final = 10  # all but the last
_WANTED: Final = 1 << _METHOD | 1 << _SCHEME | 1 << _PATH
_PLACES: Final = {
    ":method": _METHOD, ":scheme": _SCHEME, ":path": _PATH, ":authority": _AUTHORITY, "te": _TE, "content-type": _TYPE,
    "content-length": _LENGTH, "grpc-timeout": _TIMEOUT, "grpc-encoding": _ENCODING, "host": _UNREAD,
    "grpc-accept-encoding": _UNREAD, **dict.fromkeys(_OF_CONNECTIONS, _FORBIDDEN),
}  # fmt: skip


class RequestHead:
    """A request's header block. `refused`: (HTTP status, gRPC status or None, words) when it can't become a call."""

    __slots__ = ("content_length", "encoding", "metadata", "path", "refused", "timeout_us")

    def __init__(self) -> None:
        self.path = ""
        self.timeout_us: int | None = None
        self.encoding = "identity"
        self.content_length: int | None = None
        self.metadata: Metadata = ()
        self.refused: tuple[int, int | None, str] | None = None


class ResponseHead:
    """A response's header block or trailers: those have no `http_status` unless the response is nothing else."""

    __slots__ = ("encoding", "grpc_message", "grpc_status", "http_status", "is_grpc", "metadata")

    def __init__(self) -> None:
        self.http_status: int | None = None
        self.grpc_status: int | None = None
        self.grpc_message = ""
        self.encoding = "identity"
        self.is_grpc = False
        self.metadata: Metadata = ()


def request_head(fields: list[Field]) -> RequestHead:
    """Raises: StreamFault for a malformed one."""
    head = RequestHead()
    special = [""] * _SPECIALS  # the values of what isn't metadata
    seen = 0  # which of them came
    metadata: list[tuple[str, str | bytes]] = []
    regular = False
    for field in fields:
        name, value = field
        place = _PLACES.get(name)
        if place is None and name[0] != ":":
            if name.endswith("-bin"):
                metadata += _binary(name, value)
            else:
                metadata.append(field)
            regular = True
        elif place is None or (place <= _AUTHORITY and (regular or seen & 1 << place)):
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, f"pseudo-header {name} repeated, unknown or after others")
        elif place == _FORBIDDEN:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, f"{name} belongs to HTTP/1")
        else:
            if place == _LENGTH and seen & 1 << _LENGTH and special[_LENGTH] != value:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "content-length twice, and not the same")
            special[place] = value
            seen |= 1 << place
            regular = regular or place > _AUTHORITY
    if not special[_PATH] or seen & _WANTED != _WANTED:
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, ":method, :scheme and :path are wanted, not empty")
    head.path = special[_PATH]
    head.metadata = tuple(metadata)
    _take_special(head, special, seen)
    return head


def _take_special(head: RequestHead, special: list[str], seen: int) -> None:
    if seen & 1 << _TE and special[_TE] != "trailers":
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, "te may only be trailers")
    if seen & 1 << _LENGTH:
        length = special[_LENGTH]
        if not (length.isascii() and length.isdigit() and len(length) < 19):
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "content-length is no number")
        head.content_length = int(length)
    if seen & 1 << _ENCODING:
        head.encoding = special[_ENCODING]
    if seen & 1 << _TIMEOUT:
        head.timeout_us = parse_timeout_us(special[_TIMEOUT])
        if head.timeout_us is None:
            head.refused = (200, INTERNAL, f"malformed grpc-timeout: {special[_TIMEOUT][:64]!r}")
    if special[_METHOD] != "POST":
        head.refused = (405, None, "gRPC calls are POST requests")
    elif not special[_TYPE].startswith(_CONTENT_TYPE):
        head.refused = (415, None, f"content-type {_CONTENT_TYPE} is wanted")


def check_trailers(fields: list[Field]) -> None:
    """Of a request, which are not read otherwise. Raises: StreamFault for malformed ones."""
    for name, _ in fields:
        if name[0] == ":" or name in _OF_CONNECTIONS:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, f"{name} in trailers")


def response_head(fields: list[Field]) -> ResponseHead:
    """Of headers and trailers alike. Raises: StreamFault for a malformed one."""
    head = ResponseHead()
    metadata: list[tuple[str, str | bytes]] = []
    for index, (name, value) in enumerate(fields):
        if name == ":status":
            if index:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, ":status repeated or after others")
            head.http_status = int(value) if len(value) == 3 and value.isascii() and value.isdigit() else None
            if head.http_status is None:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, ":status is no number of three digits")
        elif name == "grpc-status":
            known = len(value) <= 3 and value.isascii() and value.isdigit()
            head.grpc_status = int(value) if known else UNKNOWN
        elif name == "grpc-message":
            head.grpc_message = decode_message(value)
        elif name == "content-type":
            head.is_grpc = value.startswith(_CONTENT_TYPE)
        elif name == "grpc-encoding":
            head.encoding = value
        elif name[0] == ":" or name in _OF_CONNECTIONS:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, f"{name} in a response")
        elif name in _RESERVED:
            continue
        elif name.endswith("-bin"):
            metadata += _binary(name, value)
        else:
            metadata.append((name, value))
    head.metadata = tuple(metadata)
    return head


def _binary(name: str, value: str) -> list[tuple[str, str | bytes]]:
    """One entry for each of the values that a "-bin" field joins by commas; what is no base64 is left out."""
    decoded = [decode_binary(part) for part in value.split(",")]
    return [(name, raw) for raw in decoded if raw is not None]
