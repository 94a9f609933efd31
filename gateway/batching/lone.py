"""One member's call alone, as it came; it is called back when its caller leaves."""

from __future__ import annotations

from typing import Protocol

from gateway.batching.desk import Desk
from gateway.batching.gate import Gate
from gateway.batching.half import Bisection
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.outcome import judges, wants_another_try
from gateway.batching.ports import CallBack
from gateway.errors import Failure
from gateway.wire.spec import pinned


class Trying(Protocol):
    """A trial that this call is part of (gateway.batching.trying)."""

    def tried(self, index: int, reply: bytes | None) -> None: ...


class Lone:
    """Its outcome is the member's own, unless its replica died or its version went away: then it goes on elsewhere.

    It holds a slot of `gate`, except as call number `index` of a trial, which holds one for all. `bisection` is of the
    failed join that this member is left of; `capped` as in Sizer.measured.
    """

    __slots__ = (
        "_bisection", "_call_back", "_capped", "_desk", "_gate", "_index", "_lane", "_member", "_over", "_sent_us",
        "_trial",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        gate: Gate,
        lane: Lane,
        member: Member,
        bisection: Bisection | None = None,
        trial: Trying | None = None,
        index: int = 0,
        capped: bool = False,
    ) -> None:
        self._desk = desk
        self._gate = gate
        self._lane = lane
        self._member = member
        self._bisection = bisection
        self._trial = trial
        self._index = index
        self._capped = capped
        self._call_back: CallBack | None = None
        self._over = False
        self._sent_us = 0

    def send(self, now_us: int) -> None:
        """What goes wrong here is raised, once the slot is free and the member goes on without it."""
        member, key = self._member, self._lane.key
        call = member.call
        member.holder = self
        self._sent_us = now_us
        try:
            call_back = self._desk.send(key, pinned("Predict", call.message, key.version), call.deadline, self.done)
        except BaseException:
            self.done(None, None)
            raise
        if not self._over:
            self._call_back = call_back

    def done(self, reply: bytes | None, failure: Failure | None) -> None:
        """How it ended. Only the first time counts."""
        if self._over:
            return
        self._over, self._call_back = True, None
        self._member.holder = None
        trial, self._trial = self._trial, None
        if trial is None:
            self._desk.slot_over(self._gate, self._lane, self._sent_us)
            if reply is not None:
                self._desk.answered(self._gate, self._lane, self._member.rows, self._capped, self._sent_us)
            self._answer(reply, failure)
            return
        try:
            self._answer(reply, failure)
        finally:
            trial.tried(self._index, reply)

    def drop(self, member: Member, cancelled: bool) -> None:
        """Nobody waits for its answer. What can't be called back keeps its slot until it ends."""
        call_back = self._call_back
        if call_back is not None:
            call_back()
            self.done(None, Failure("the caller left"))

    def _answer(self, reply: bytes | None, failure: Failure | None) -> None:
        member, bisection = self._member, self._bisection
        if reply is not None:
            member.reply(reply)
        elif failure is not None and not wants_another_try(failure):
            if bisection is not None and judges(failure):
                self._desk.culprit_found(self._lane, bisection, self._gate.window)
            member.fail(failure)
        else:
            self._desk.run_alone(self._lane.key, member, failure)
