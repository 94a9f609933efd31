"""As much HTTP/2 as the test peers here need: frames written, and cut out of bytes. Pure.

Not the gateway's own: what measures it must not share its faults.
"""

from __future__ import annotations

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 0x1, 0x4  # of SETTINGS
FRAME_HEAD: Final = 9  # bytes before each payload
MOST_PAYLOAD: Final = 16384  # both sides' default, never raised here
FIRST_WINDOW: Final = 65535
TABLE_BYTES: Final = 4096
_HEAD = struct.Struct(">HBBBL")  # length in two parts, type, flags, stream
_SETTING = struct.Struct(">HL")

Frame = tuple[int, int, int, bytes]  # type, flags, stream, payload


class WrongPeer(Exception):
    """The peer broke HTTP/2, or asks for what these test peers don't do; the text says which."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame as it is sent."""
    return _HEAD.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def data_frames(stream: int, message: bytes) -> bytes:
    """The whole of `message`, the last frame ending the stream."""
    parts = [message[at : at + MOST_PAYLOAD] for at in range(0, len(message), MOST_PAYLOAD)]
    return b"".join(frame(DATA, END_STREAM if part is parts[-1] else 0, stream, part) for part in parts)


def settings(**values: int) -> bytes:
    """A SETTINGS frame; keys are names of this module in small letters."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(globals()[key.upper()], values[key]) for key in values))


def window_update(stream: int, increment: int) -> bytes:
    """Room for `increment` more bytes; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def read_settings(payload: bytes) -> dict[int, int]:
    """What the peer asks for."""
    return dict(_SETTING.iter_unpack(payload))


def content(flags: int, payload: bytes) -> bytes:
    """The payload of DATA or HEADERS without its padding and priority."""
    if flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    return payload[5:] if flags & WITH_PRIORITY else payload


class Splitter:
    """Cuts one direction of a connection into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, data: bytes) -> list[Frame]:
        """The frames that are whole by now. Raises: WrongPeer."""
        buffer = self._rest + data if self._rest else data
        found: list[Frame] = []
        at, end = 0, len(buffer)
        while end - at >= FRAME_HEAD:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer, at)
            length = high << 8 | low
            if length > MOST_PAYLOAD:
                raise WrongPeer(f"a frame of {length} bytes came, {MOST_PAYLOAD} are allowed; is it HTTP/2?")
            stop = at + FRAME_HEAD + length
            if stop > end:
                break
            found.append((kind, flags, stream & 0x7FFFFFFF, buffer[at + FRAME_HEAD : stop]))
            at = stop
        self._rest = buffer[at:]
        return found
