"""The header blocks of requests to one replica: what repeats is encoded once."""

from __future__ import annotations

from gateway.call import Headers
from gateway.http2.grpc_fields import format_timeout
from gateway.http2.hpack_writer import encode_field, encode_fields
from gateway.http2.responses import wired
from gateway.http2.stream import HeaderBlock

MAX_BLOCKS = 256


class RequestBlocks:
    """Blocks without metadata are kept by method and timeout, which from a second on is told in milliseconds."""

    __slots__ = ("_authority", "_kept", "_scheme")

    def __init__(self, scheme: str, authority: str) -> None:
        self._scheme = scheme
        self._authority = authority
        self._kept: dict[tuple[str, str], HeaderBlock] = {}

    def block(self, path: str, timeout_s: float | None, metadata: Headers) -> HeaderBlock:
        """The head of one request."""
        timeout = "" if timeout_s is None else format_timeout(int(timeout_s * 1e6))
        block = self._kept.get((path, timeout))
        if block is None:
            if len(self._kept) >= MAX_BLOCKS:
                self._kept.clear()
            block = self._kept[path, timeout] = self._bare(path, timeout)
        return HeaderBlock(block.data + encode_fields(wired(metadata))) if metadata else block

    def _bare(self, path: str, timeout: str) -> HeaderBlock:
        fields = encode_fields(
            (
                (":method", "POST"),
                (":scheme", self._scheme),
                (":path", path),
                (":authority", self._authority),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                ("user-agent", "tidegate"),
            )
        )
        return HeaderBlock(fields + encode_field("grpc-timeout", timeout) if timeout else fields)
