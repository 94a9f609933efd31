"""What a peer can do wrong, by how much of the connection it costs. Numbers: RFC 9113 section 7."""

from __future__ import annotations

import enum


class ErrorCode(enum.IntEnum):
    """HTTP/2 error codes, as RST_STREAM and GOAWAY carry them."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionFault(Exception):
    """The peer broke the protocol in a way that ends the connection: `code` goes into the GOAWAY."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


class StreamFault(Exception):
    """The peer broke the protocol in a way that ends one stream: `code` goes into the RST_STREAM."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


class HeaderListTooLarge(Exception):
    """A header list beyond the bound. The block was read whole, so the compression state is still the peer's."""

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(f"header list of {size_bytes} bytes, at most {max_bytes} are taken")
        self.size_bytes = size_bytes
        self.max_bytes = max_bytes
