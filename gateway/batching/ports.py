"""What the batcher asks of the rooms around it, and of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.call import Deadline, Message
from gateway.errors import Failure

# Exactly one of reply and failure is not None; called once, perhaps before `Send` returns.
Done = Callable[[bytes | None, Failure | None], None]
# Calls back what was sent, whose `Done` is not called then; of no consequence once that was called.
CallBack = Callable[[], None]
# Carry a Predict message to a replica of the key's upstream that has its version, retries included. None: what is sent
# can't be called back.
Send = Callable[[LaneKey, Message, Deadline, Done], CallBack | None]
# Run one member alone, as it came. The failure is the join's, or its own if its replica died or its version went, or
# that no replica is up; None if joining is off for it.
Fallback = Callable[[LaneKey, Member, Failure | None], None]


class Handle(Protocol):
    """A scheduled callback."""

    def cancel(self) -> None: ...


class Loop(Protocol):
    """What the batcher needs of an asyncio event loop."""

    def call_soon(self, callback: Callable[..., object], *args: object) -> Handle: ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Handle: ...
