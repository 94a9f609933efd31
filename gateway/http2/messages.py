"""gRPC messages out of DATA: a prefix of five bytes, then the message, over as many frames as the peer likes.

Each byte is copied once, from what the socket gave into the message: BytesIO hands its buffer out as it is. Its room is
doubled as bytes come (never beyond what was announced), so that little is moved and nothing is taken on trust. No view
of a read outlives it.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Final

from gateway.http2.grpc_fields import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED

PREFIX_BYTES: Final = 5
_WINDOW_BITS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ENCODINGS: Final = ("identity", "deflate", "gzip")


class MessageRefused(Exception):
    """A message that isn't taken: the call ends with gRPC status `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Inflater:
    """Decompresses for one connection, which stalls all others: `left_bytes` is how much it still may in this read."""

    __slots__ = ("_max", "left_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max = self.left_bytes = max_bytes

    def inflate(self, message: bytes, encoding: str, max_message_bytes: int) -> bytes:
        """A compressed message as it was. Raises: MessageRefused; that takes all that was left."""
        most, left = min(self._max, max_message_bytes), self.left_bytes
        if not left:
            raise _too_much()
        self.left_bytes = 0
        try:
            plain = decompress(message, encoding, min(most, left))
        except MessageRefused as refusal:
            if left < most and refusal.code == RESOURCE_EXHAUSTED:
                raise _too_much() from refusal
            raise
        self.left_bytes = left - len(plain)
        return plain


class Assembler:
    """The messages of one stream. `held_bytes`: what it has of the message that isn't whole yet."""

    __slots__ = (
        "_compressed", "_encoding", "_inflater", "_max", "_message", "_prefix", "_room", "held_bytes", "wanted_bytes",
    )  # fmt: skip

    def __init__(self, max_message_bytes: int, encoding: str, inflater: Inflater) -> None:
        self._max = max_message_bytes
        self._encoding = encoding
        self._inflater = inflater
        self._prefix = b""
        self._message = BytesIO()
        self._room = 0
        self._compressed = False
        self.held_bytes = 0
        self.wanted_bytes = -1  # length of the message that has begun; -1 before its prefix is whole

    @property
    def between_messages(self) -> bool:
        """Whether the stream may end here."""
        return self.wanted_bytes < 0 and not self._prefix

    def feed(self, data: memoryview) -> list[bytes]:
        """The messages that these bytes make whole. Raises: MessageRefused."""
        whole: list[bytes] = []
        while True:
            if self.wanted_bytes < 0:
                missing = PREFIX_BYTES - len(self._prefix)
                self._prefix += data[:missing]
                data = data[missing:]
                if len(self._prefix) < PREFIX_BYTES:
                    return whole
                self._begin(self._prefix)
                self._prefix = b""
            missing = self.wanted_bytes - self.held_bytes
            if len(data) < missing:
                self.write(data)
                return whole
            self.write(data[:missing])
            data = data[missing:]
            whole.append(self._finish())
            if not data:
                return whole

    def write(self, data: memoryview) -> None:
        """Bytes of the message that has begun, no more than it wants."""
        held = self.held_bytes = self.held_bytes + len(data)
        message = self._message
        if held > self._room:
            self._room = min(2 * held, self.wanted_bytes)
            message.seek(self._room - 1)
            message.write(b"\0")
            message.seek(held - len(data))
        message.write(data)

    def _begin(self, prefix: bytes) -> None:
        length = int.from_bytes(prefix[1:], "big")
        if prefix[0] > 1:
            raise MessageRefused(INTERNAL, f"a message's first byte is {prefix[0]}, 0 or 1 is wanted")
        if length > self._max:
            raise too_large(length, self._max)
        self._compressed = prefix[0] == 1
        self.wanted_bytes = length

    def _finish(self) -> bytes:
        message = self._message.getvalue()
        self._message = BytesIO()
        self._room, self.held_bytes, self.wanted_bytes = 0, 0, -1
        return self._inflater.inflate(message, self._encoding, self._max) if self._compressed else message


def too_large(length: int, max_bytes: int) -> MessageRefused:
    """In the words that clients of gRPC know."""
    return MessageRefused(RESOURCE_EXHAUSTED, f"Received message larger than max ({length} vs. {max_bytes})")


def _too_much() -> MessageRefused:
    return MessageRefused(RESOURCE_EXHAUSTED, "too much to decompress at once; try again later")


def decompress(message: bytes, encoding: str, max_bytes: int) -> bytes:
    """A compressed message as it was. Raises: MessageRefused; a bomb is refused after `max_bytes`."""
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        known = ", ".join(ENCODINGS)
        code = INTERNAL if encoding == "identity" else UNIMPLEMENTED
        raise MessageRefused(code, f"a message is compressed by {encoding[:32]!r}; known are {known}")
    inflater = zlib.decompressobj(bits)
    try:
        plain = inflater.decompress(message, max_bytes + 1)
    except zlib.error as error:
        raise MessageRefused(INTERNAL, f"a message can't be decompressed: {error}") from error
    if len(plain) > max_bytes:
        raise too_large(len(plain), max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise MessageRefused(INTERNAL, f"a message is no single whole {encoding} stream")
    return plain


def prefixed_length(message_bytes: int) -> bytes:
    """The prefix of an uncompressed message of that length."""
    return b"\0" + message_bytes.to_bytes(4, "big")
