"""What each role of a connection does in its own way, asked by what the roles share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from gateway.http2.messages import MessageRefused
from gateway.http2.reader import Data
from gateway.http2.stream import Stream


class Role(ABC):
    """See ServerConnection and ClientConnection."""

    @abstractmethod
    def block(self, stream_id: int, block: bytes, ends: int, now_us: int) -> None:
        """A whole header block came."""

    @abstractmethod
    def _taken(self, stream: Stream, data: Data, start: int, stop: int) -> None:
        """DATA came. Raises: MessageRefused, StreamFault."""

    @abstractmethod
    def _half_closed(self, stream: Stream) -> None:
        """The peer has sent all of a stream. Raises: StreamFault, MessageRefused."""

    @abstractmethod
    def _refuse(self, stream: Stream, refusal: MessageRefused) -> None:
        """A message isn't taken: its call ends."""

    @abstractmethod
    def _was_reset(self, stream: Stream, code: int) -> None:
        """The stream is gone before its end."""

    @abstractmethod
    def _goaway(self, last_id: int) -> None:
        """The peer takes no streams beyond that one."""

    @abstractmethod
    def _is_idle(self, stream_id: int) -> bool:
        """Whether that stream was never opened."""

    @abstractmethod
    def _last_taken(self) -> int:
        """The last stream of the peer's that was looked at."""

    @abstractmethod
    def drain_heard(self) -> None:
        """The PING came back that left with the first GOAWAY."""
