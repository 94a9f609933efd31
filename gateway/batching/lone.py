"""Sends one member's call alone, as it came, and calls it back when its caller leaves."""

from __future__ import annotations

from gateway.batching.key import LaneKey
from gateway.batching.lane import Member
from gateway.batching.ports import Done, Send
from gateway.errors import Failure
from gateway.wire.spec import pin_version


def send_alone(send: Send, key: LaneKey, member: Member, done: Done) -> None:
    """`done` is called once: with what came back, or, when the caller left, with a failure that has no reader."""
    over = False

    def end(reply: bytes | None, failure: Failure | None) -> None:
        nonlocal over
        if not over:
            over = True
            done(reply, failure)

    message = pin_version("Predict", member.call.message, key.version)
    call_back = send(key, message, member.call.deadline, end)
    if over or call_back is None:
        return

    def on_end() -> None:
        if not over:
            call_back()
            end(None, Failure("the caller left"))

    member.call.on_end(on_end)
