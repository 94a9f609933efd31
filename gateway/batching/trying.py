"""A trial on its way: each member alone, which answers it; then, if none failed, all joined, which is only compared.

Not both at once: a member that kills its replica would kill another with the join.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gateway.batching.desk import Desk
from gateway.batching.gate import Gate
from gateway.batching.lane import Lane
from gateway.batching.lone import Lone
from gateway.batching.member import Member, repeated_rows
from gateway.batching.message import joined_message, need_widening
from gateway.batching.ports import CallBack
from gateway.batching.proof import Finding
from gateway.batching.trial import JOIN_TIMEOUT_US, Trial
from gateway.batching.widen import widened
from gateway.call import Deadline
from gateway.errors import Failure
from gateway.wire.compare import same_answers


class Trying:
    """It holds one slot of `gate` from `send` until its finding is known."""

    __slots__ = (
        "_call_back", "_desk", "_gate", "_lane", "_members", "_over", "_padding_rows", "_proof", "_repeated", "_rows",
        "_sent_us", "_trial", "_widened",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, gate: Gate, lane: Lane, members: list[Member], rows: list[int], padding_rows: int
    ) -> None:
        policy = lane.policy
        _, values = widened(members)
        repeated = repeated_rows(members[0])
        # Copies of the last row alone make something else of equal requests whose rows differ.
        varied = any(each != values[0] for each in values) or (padding_rows > 0 and repeated > 1)
        compare = partial(same_answers, rtol=policy.proof_rtol, atol=policy.proof_atol)
        self._desk = desk
        self._gate = gate
        self._lane = lane
        self._proof = lane.proof
        self._members = members
        self._rows = rows
        self._padding_rows = padding_rows
        self._trial = Trial(rows, padding_rows, varied, compare)
        self._repeated = repeated
        self._widened = need_widening(members)
        self._call_back: CallBack | None = None
        self._over = False
        self._sent_us = 0

    def send(self, now_us: int) -> None:
        """What goes wrong with a member's call is raised, once all are sent."""
        self._sent_us = now_us
        self._proof.trial_running = True
        calls = [
            Lone(self._desk, self._gate, self._lane, member, None, self, index)
            for index, member in enumerate(self._members)
        ]
        self._send_each(iter(calls), now_us)

    def _send_each(self, calls: Iterator[Lone], now_us: int) -> None:
        try:
            for call in calls:
                call.send(now_us)
        except BaseException:
            self._send_each(calls, now_us)
            raise

    def tried(self, index: int, reply: bytes | None) -> None:
        """A member has its own answer, or failed."""
        if not self._trial.add_alone(index, reply):
            return
        if not self._trial.all_answered or self._gate.closed:
            self._conclude(Finding.NOTHING)
            return
        try:
            message = joined_message(self._lane, self._members, self._rows, self._padding_rows)
            deadline = Deadline(self._desk.now_us() + JOIN_TIMEOUT_US)
            self._gate.trials.add(self)
            call_back = self._desk.send(self._lane.key, message, deadline, self.done)
        except BaseException:
            self._conclude(Finding.NOTHING)
            raise
        if not self._over:
            self._call_back = call_back

    def done(self, reply: bytes | None, failure: Failure | None) -> None:
        """The join's outcome, which nobody but the proof waits for."""
        finding = Finding.NOTHING
        try:
            finding = self._trial.find(reply, failure)
        finally:
            self._conclude(finding)

    def call_back(self) -> None:
        """Nobody needs the proof any more. What can't be called back keeps its slot until it ends."""
        call_back = self._call_back
        if call_back is not None:
            call_back()
            self._conclude(Finding.NOTHING)

    def _conclude(self, finding: Finding) -> None:
        """Only the first time counts."""
        if self._over:
            return
        self._over, self._call_back = True, None
        self._gate.trials.discard(self)
        proof, trial, counters = self._proof, self._trial, self._lane.counters
        was_off = proof.off_reason is not None
        proof.learn(finding, trial.varied, trial.reason, self._widened, self._repeated)
        counters.joins_failed += finding is Finding.REFUSED or finding is Finding.DEATH
        counters.turned_off += not was_off and proof.off_reason is not None
        counters.slot_time_us += self._desk.now_us() - self._sent_us
        self._gate.release()
