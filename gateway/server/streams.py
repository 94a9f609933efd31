"""What the streaming calls of the client port have in common, and the paths of gRPC's own services."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.shell.server import ServerLink
from gateway.http2.stream import Stream

HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
HEALTH_WATCH: Final = "/grpc.health.v1.Health/Watch"


class StreamCall(ABC):
    """A streaming call. Its messages come one by one; it answers by `push` and `finish`."""

    def __init__(self, link: ServerLink, stream: Stream, ended: Callable[[StreamCall], None]) -> None:
        """`ended` hears once or more often that the call is over."""
        self._ended = ended
        self._link = link
        self._stream = stream
        self._begun = False

    @abstractmethod
    def message(self, message: bytes) -> None:
        """The client sent a message."""

    @abstractmethod
    def half_closed(self) -> None:
        """The client has said all."""

    def gone(self) -> None:
        """The client left, or was too slow: nothing can be sent any more."""
        self._ended(self)

    def push(self, message: bytes) -> None:
        """Send a message."""
        connection = self._link.connection
        if not self._begun:
            self._begun = True
            connection.begin(self._stream, head_block(()))
        if not connection.push(self._stream, message):
            self.gone()
        self._link.mark()

    def finish(self, code: int = 0, words: str = "") -> None:
        """End the call."""
        self._ended(self)
        connection = self._link.connection
        if not self._begun:
            connection.respond_without(self._stream, tail_block(code, words, (), alone=True))
        else:
            connection.finish(self._stream, OK_TRAILERS if not code else tail_block(code, words, (), alone=False))
        self._link.mark()
