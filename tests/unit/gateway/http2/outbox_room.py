"""An outbox with streams to try it on."""

from __future__ import annotations

from gateway.http2 import frames
from gateway.http2.outbox import Outbox
from gateway.http2.stream import HeaderBlock, Message, Stream
from tests.unit.gateway.http2.peers import Frame, parsed

HEAD, TAIL = HeaderBlock(b"head"), HeaderBlock(b"tail")
HEADERS, LAST = frames.END_HEADERS, frames.END_HEADERS | frames.END_STREAM
WIDE = 2**30


class Room:
    """`ended` are the streams whose last byte was framed."""

    def __init__(self, max_unsent: int = 3) -> None:
        self.ended: list[int] = []
        self.outbox = Outbox(max_unsent, lambda stream: self.ended.append(stream.id))
        self.outbox.window = WIDE

    def stream(self, number: int = 1, window: int = WIDE) -> Stream:
        """One more."""
        return Stream(number, 0, window, 0)

    def queued(self, number: int, message: Message, window: int = WIDE) -> Stream:
        """A stream with a message and trailers to send."""
        stream = self.stream(number, window)
        self.outbox.queue(stream, message, TAIL, ends=True)
        return stream

    def heard(self) -> list[Frame]:
        """What is sent, a quantum of it."""
        return parsed(b"".join(self.outbox.take()[0]))


def data_of(found: list[Frame], number: int) -> bytes:
    """All DATA of one stream among what was sent."""
    return b"".join(each.payload for each in found if each.kind == frames.DATA and each.stream_id == number)
