"""What a client begins with, before its first frame (RFC 9113 section 3.4)."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.errors import ConnectionFault, ErrorCode


class Preface:
    """The client's 24 bytes, over as many reads as they take. `missing`: how many are still to come."""

    __slots__ = ("_wanted", "missing")

    def __init__(self) -> None:
        self._wanted = frames.PREFACE
        self.missing = len(frames.PREFACE)

    def taken_from(self, data: bytes | memoryview) -> bytes | memoryview:
        """What comes after it. Raises: ConnectionFault when it is something else: HTTP/1, TLS, anything."""
        wanted = self._wanted
        if data[: len(wanted)] != wanted[: len(data)]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this port speaks gRPC (HTTP/2) only")
        self._wanted = wanted[len(data) :]
        self.missing = len(self._wanted)
        return data[len(wanted) :]
