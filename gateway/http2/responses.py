"""The header blocks of our responses, made once for each distinct content."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.http2.grpc_fields import encode_binary, encode_message
from gateway.http2.heads import Metadata
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.stream import HeaderBlock

_KEPT: Final = 1024
_KEPT_BYTES: Final = 1024  # of headers; larger ones are made anew each time
_OPENING: Final = ((":status", "200"), ("content-type", "application/grpc"))
_ENCODINGS: Final = (("grpc-accept-encoding", "identity,deflate,gzip"),)


def head_block(headers: Metadata) -> HeaderBlock:
    """The head of a response that goes well."""
    if headers and sum(len(name) + len(value) for name, value in headers) > _KEPT_BYTES:
        return _made(headers)
    return _head_block(headers)


@lru_cache(maxsize=_KEPT)
def _head_block(headers: Metadata) -> HeaderBlock:
    return _made(headers)


def _made(headers: Metadata) -> HeaderBlock:
    return HeaderBlock(encode_fields((*_OPENING, *_ENCODINGS, *wired(headers))))


def tail_block(code: int, message: str, trailers: Metadata, alone: bool) -> HeaderBlock:
    """Trailers; with `alone` they are all of the response, and bear its head too."""
    fields: list[tuple[str, str | bytes]] = [*_OPENING] if alone else []
    fields.append(("grpc-status", str(code)))
    if message:
        fields.append(("grpc-message", encode_message(message)))
    return HeaderBlock(encode_fields([*fields, *(_ENCODINGS if alone else ()), *wired(trailers)]))


def refusal_block(http_status: int, code: int | None, words: str) -> HeaderBlock:
    """What a request gets that can't become a call; without a gRPC status it wasn't one of gRPC's."""
    if code is not None:
        return tail_block(code, words, (), alone=True)
    return HeaderBlock(encode_fields([(":status", str(http_status)), ("content-type", "text/plain")]))


def wired(metadata: Metadata) -> list[tuple[str, str | bytes]]:
    """Metadata as header fields: the values of "-bin" keys in base64."""
    return [(name, encode_binary(value) if isinstance(value, bytes) else value) for name, value in metadata]


OK_TRAILERS: Final = tail_block(0, "", (), alone=False)
