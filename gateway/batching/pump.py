"""Looks at a window: whoever may leave now is sent, joined, alone or on trial, as policy and proof say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.batching.counters import Leaving
from gateway.batching.desk import Desk
from gateway.batching.gate import Gate
from gateway.batching.half import Bisection, Half
from gateway.batching.joined import Joined
from gateway.batching.lane import Lane
from gateway.batching.lone import Lone
from gateway.batching.member import Member, repeated_rows, unlike
from gateway.batching.message import need_widening, padding_rows
from gateway.batching.proof import Verb
from gateway.batching.trying import Trying
from gateway.errors import DeadlineExceeded, Failure, NoReplica
from gateway.wire.reasons import Unjoined


class Batch(Protocol):
    """It frees its slot and lets its members go on, whatever happens when it is sent or later."""

    def send(self, now_us: int) -> None: ...


class Pump:
    """`slots` tells how many batches an upstream takes at once; with none (no replica is up) nobody waits."""

    __slots__ = ("_desk", "_slots")

    def __init__(self, desk: Desk, slots: Callable[[str], int]) -> None:
        self._desk = desk
        self._slots = slots

    def look(self, gate: Gate) -> None:
        """Everyone who may leave now, leaves."""
        now_us = self._desk.now_us()
        try:
            self._look(gate, now_us)
        finally:
            gate.look_at(gate.window.wake_us(gate.pace.slots(gate.slots)), now_us)

    def _look(self, gate: Gate, now_us: int) -> None:
        window = gate.window
        for lane, member in window.expire(now_us):
            _expire(lane, member)
        slots = self.slots(gate)
        if not slots:
            self.hand_back(gate, NoReplica(f'upstream "{gate.upstream}": no replica is up'))
        while window.in_flight < slots:
            half = window.take_half(now_us)
            if half is not None:
                self._send_half(gate, half, now_us)
                continue
            lane_due = window.next_lane(now_us, slots)
            if lane_due is None:
                break
            self._send_next(gate, lane_due, now_us)
        window.looked()

    def send_at_once(self, gate: Gate, lane: Lane, member: Member) -> bool:
        """Send a caller who is alone, in a lane that is empty. False: there is no slot."""
        if not self.slots(gate):
            return False
        now_us = member.enqueued_us = self._desk.now_us()
        gate.window.in_flight += 1
        self._send(gate, lane, [member], Verb.ALONE, False, Leaving.IDLE, now_us, None)
        return True

    def slots(self, gate: Gate) -> int:
        """How many batches may be out now."""
        gate.slots = self._slots(gate.upstream)
        return gate.pace.slots(gate.slots)

    def hand_back(self, gate: Gate, failure: Failure | None) -> None:
        """Everyone who waits goes on without batch mates."""
        for lane, member in gate.window.empty_all():
            self._desk.run_alone(lane.key, member, failure)

    def _send_half(self, gate: Gate, half: Half, now_us: int) -> None:
        """Its members were joined, and failed. They are joined again only if their proof is still there."""
        desk, lane, members = self._desk, half.lane, half.members
        desk.refresh(lane)
        proof, mode, rows = lane.proof, lane.policy.mode, repeated_rows(members[0])
        if proof.off_reason is not None:
            gate.release()
            for member in members:
                desk.run_unjoined(lane.key, member, Unjoined.UNPROVEN_OFF)
        elif len(members) > 1 and not proof.allows(mode, unlike(members), need_widening(members), rows):
            gate.release()
            desk.run_all_alone(lane.key, members, None)
        else:
            pads = rows == 1 or proof.may_pad(mode)
            self._send(gate, lane, members, Verb.JOIN, pads, Leaving.HALF, now_us, half.bisection)

    def _send_next(self, gate: Gate, lane: Lane, now_us: int) -> None:
        desk, window = self._desk, gate.window
        desk.refresh(lane)
        proof = lane.proof
        if proof.off_reason is not None:
            for member in window.empty(lane):
                desk.run_unjoined(lane.key, member, Unjoined.UNPROVEN_OFF)
            return
        try:
            plan = proof.plan(lane.policy.mode, lane)
            leaving = window.leaving(lane)
            members = window.take(lane, plan.limit, now_us, plan.alike_only)
        except BaseException:
            desk.run_all_alone(lane.key, window.empty(lane), None)
            gate.look_soon()
            raise
        self._send(gate, lane, members, plan.verb, plan.pads, leaving, now_us, None)

    def _send(
        self,
        gate: Gate,
        lane: Lane,
        members: list[Member],
        verb: Verb,
        pads: bool,
        leaving: Leaving,
        now_us: int,
        bisection: Bisection | None,
    ) -> None:
        """They have a slot, and keep it if something is sent. `pads`: they may be padded to an allowed size."""
        try:
            batch = self._batch(gate, lane, members, verb, pads, leaving, now_us, bisection)
        except BaseException:
            gate.release()
            self._desk.run_all_alone(lane.key, members, None)
            raise
        if batch is None:
            gate.release()
            return
        try:
            batch.send(now_us)
        except BaseException:
            gate.look_soon()  # there may be slots for others
            raise

    def _batch(
        self,
        gate: Gate,
        lane: Lane,
        members: list[Member],
        verb: Verb,
        pads: bool,
        leaving: Leaving,
        now_us: int,
        bisection: Bisection | None,
    ) -> Batch | None:
        """What is to be sent for those who may still be joined, if there is anyone."""
        may_pad = lane.proof.may_pad(lane.policy.mode)
        members = self._punctual(lane, members, now_us)
        if not may_pad:
            members = self._without_pieces(lane, members)
        if not members:
            return None
        desk, first, count = self._desk, members[0], len(members)
        rows = [member.rows for member in members]
        total = sum(rows)
        added = padding_rows(lane.policy, members, total) if pads else 0
        alone = count == 1 and first.whole is None and not (added and may_pad and bisection is None)
        added = 0 if alone else added
        waited_us = count * now_us - sum([member.enqueued_us for member in members])
        lane.counters.count_batch(count, total, added, waited_us, leaving)
        gate.lone_in_a_row = gate.lone_in_a_row + 1 if alone and leaving is Leaving.IDLE else 0
        capped = bisection is None and lane.sizer is not None and lane.held_back(total, added)
        if alone:
            return Lone(desk, gate, lane, first, bisection, capped=capped)
        if verb is Verb.JOIN:
            return Joined(desk, gate, lane, members, rows, added, bisection, capped)
        lane.counters.trials += 1
        return Trying(desk, gate, lane, members, rows, added)

    def _punctual(self, lane: Lane, members: list[Member], now_us: int) -> list[Member]:
        """Without those whose time is up: the window looks for them only now and then."""
        if min([member.deadline_us for member in members], default=now_us) > now_us:
            return members
        for member in members:
            if member.deadline_us <= now_us:
                _expire(lane, member)
        return [member for member in members if not member.call.ended]

    def _without_pieces(self, lane: Lane, members: list[Member]) -> list[Member]:
        """The proof that let them be split was forgotten: their requests run as they came."""
        for member in members:
            if member.whole is not None:
                self._desk.run_unjoined(lane.key, member, Unjoined.TOO_MANY_ROWS)
        return [member for member in members if member.whole is None]


def _expire(lane: Lane, member: Member) -> None:
    lane.counters.expired += 1
    member.fail(DeadlineExceeded("deadline passed while waiting for a free batch slot"))
