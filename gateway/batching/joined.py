"""A joined call on its way, and what becomes of its members."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.batching.desk import Desk
from gateway.batching.gate import Gate
from gateway.batching.half import Bisection, halves
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.message import joined_message
from gateway.batching.outcome import wants_another_try, wants_members_alone
from gateway.batching.ports import CallBack
from gateway.call import Deadline
from gateway.errors import Failure
from gateway.wire.cut import cut_response
from gateway.wire.reasons import Uncut


class Joined:
    """It holds a slot of `gate`, and its members, from `send` until its answer is here or all of them left.

    `rows` are the members', in order; `bisection` is of the failed join that they are left of; `capped` as in
    Sizer.measured.
    """

    __slots__ = (
        "_bisection", "_call_back", "_capped", "_desk", "_gate", "_lane", "_members", "_over", "_padding_rows", "_rows",
        "_sent_us", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        gate: Gate,
        lane: Lane,
        members: list[Member],
        rows: list[int],
        padding_rows: int,
        bisection: Bisection | None,
        capped: bool,
    ) -> None:
        self._desk = desk
        self._gate = gate
        self._lane = lane
        self._members = members
        self._rows = rows
        self._padding_rows = padding_rows
        self._bisection = bisection
        self._capped = capped
        self._waiting = len(members)
        self._call_back: CallBack | None = None
        self._over = False
        self._sent_us = 0

    def send(self, now_us: int) -> None:
        """What goes wrong here is raised, once the slot is free and the members go on alone."""
        lane, members = self._lane, self._members
        for member in members:
            member.holder = self
        self._sent_us = now_us
        deadline = Deadline(max([member.deadline_us for member in members]))
        try:
            message = joined_message(lane, members, self._rows, self._padding_rows)
            call_back = self._desk.send(lane.key, message, deadline, self.done)
        except BaseException:
            if not self._over:
                self._over = True
                self._release()
                self._desk.run_all_alone(lane.key, self._let_go(), None)
            raise
        if not self._over:
            self._call_back = call_back

    def drop(self, member: Member, cancelled: bool) -> None:
        """Nobody waits for its rows; when nobody waits for any, the call is called back."""
        self._waiting -= 1
        call_back = self._call_back
        if not self._waiting and call_back is not None:
            self._over, self._call_back = True, None
            self._lane.counters.called_back += 1
            call_back()
            self._release()

    def done(self, reply: bytes | None, failure: Failure | None) -> None:
        """How it ended. Only the first time counts."""
        if self._over:
            return
        self._over, self._call_back = True, None
        self._release()
        try:
            self._ended(reply, failure)
        except BaseException:
            self._desk.run_all_alone(self._lane.key, self._let_go(), None)
            raise

    def _ended(self, reply: bytes | None, failure: Failure | None) -> None:
        if reply is None:
            self._failed(failure)
            return
        parts = cut_response(reply, self._rows, self._padding_rows)
        if isinstance(parts, Uncut):
            self._uncut(parts)
            return
        rows = sum(self._rows) + self._padding_rows
        self._desk.answered(self._gate, self._lane, rows, self._capped, self._sent_us)
        if len(self._desk.poisons):
            self._desk.poisons.answered(self._lane.key)
        self._reply(iter(zip(self._members, parts, strict=True)))

    def _reply(self, parts: Iterator[tuple[Member, bytes]]) -> None:
        """To each who still waits. What goes wrong with one's answer is not the others' trouble."""
        try:
            for member, part in parts:
                if member.holder is self:
                    member.holder = None
                    member.reply(part)
        except BaseException:
            self._reply(parts)
            raise

    def _failed(self, failure: Failure | None) -> None:
        members, counters = self._let_go(), self._lane.counters
        counters.joins_failed += 1
        if failure is None or wants_another_try(failure):
            self._desk.run_all_alone(self._lane.key, members, failure)
        elif wants_members_alone(failure):
            self._bisect(self._desk.still_waiting(members), failure)
        else:
            for member in members:
                member.fail(failure)

    def _bisect(self, members: list[Member], failure: Failure) -> None:
        """Who made it fail? One who is left alone runs as it came; so does the request of a piece, without a slot."""
        window, bisection = self._gate.window, self._bisection or Bisection()
        if len(members) == 1 and members[0].whole is not None:
            if self._bisection is not None:
                self._desk.culprit_found(self._lane, bisection, window)
            self._desk.run_alone(self._lane.key, members[0], failure)
            return
        self._lane.counters.bisections += len(members) > 1
        window.add_halves(halves(self._lane, members, bisection, window))
        self._gate.look_soon()

    def _uncut(self, reason: Uncut) -> None:
        self._lane.counters.joins_uncut += 1
        self._lane.counters.turned_off += 1
        proof = self._desk.proofs.of(self._lane.key.proof_key)
        proof.turn_off(f"joined replies cannot be cut: {reason.value}")
        self._desk.run_all_alone(self._lane.key, self._let_go(), None)

    def _let_go(self) -> list[Member]:
        """Who is still here."""
        members = [member for member in self._members if member.holder is self]
        for member in members:
            member.holder = None
        return members

    def _release(self) -> None:
        self._desk.slot_over(self._gate, self._lane, self._sent_us)
