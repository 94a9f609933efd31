"""What a transport towards replicas offers: bytes in, bytes or a failure with its fate out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.call import Headers, Message
from gateway.errors import Failure

# (reply, failure): exactly one is not None.
Done = Callable[[bytes | None, Failure | None], None]
Ended = tuple[bytes | None, Failure | None]
Cancel = Callable[[], None]


class Connection(Protocol):
    """What a transport towards replicas offers."""

    def send(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> Cancel:
        """Send one unary call; `done` is called once, later, unless cancelled first."""
        ...

    async def close(self) -> None:
        """End every call in flight and the connection."""
        ...
