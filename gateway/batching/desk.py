"""What every batch has at hand: the rooms around the batcher, and what is known of lanes and signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.batching.adapt import Sizer, Sizers
from gateway.batching.counters import BatchCounters
from gateway.batching.gate import Gate
from gateway.batching.half import Bisection
from gateway.batching.key import LaneKey, ProofKey
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.poison import Poisons
from gateway.batching.policy import BatchPolicy
from gateway.batching.ports import Fallback, Send
from gateway.batching.proof import Proofs
from gateway.batching.window import Window
from gateway.errors import DeadlineExceeded, Failure
from gateway.wire.reasons import Unjoined


class Desk:
    """One for a batcher. `policy_of` is by model name."""

    __slots__ = ("_fallback", "_policy_of", "_sizers", "counters", "now_us", "poisons", "proofs", "send")

    def __init__(
        self,
        send: Send,
        fallback: Fallback,
        policy_of: Callable[[str], BatchPolicy],
        counters: BatchCounters,
        now_us: Callable[[], int],
    ) -> None:
        self.send = send
        self.counters = counters
        self.now_us = now_us
        self.proofs = Proofs()
        self.poisons = Poisons()
        self._fallback = fallback
        self._policy_of = policy_of
        self._sizers = Sizers()

    def policy(self, key: LaneKey) -> BatchPolicy:
        """In force now."""
        return self._policy_of(key.model)

    def new_lane(self, key: LaneKey, policy: BatchPolicy, window: Window) -> Lane:
        """A lane that nobody waits in yet; it is in no window."""
        at = key.proof_key
        counters = self.counters.of(key.model, key.version)
        return Lane(key, policy, counters, self.proofs.of(at), window, self._sizer(at, policy))

    def refresh(self, lane: Lane) -> None:
        """The policy may have been changed, the proof forgotten."""
        at, policy = lane.key.proof_key, self._policy_of(lane.key.model)
        lane.adopt(policy, self.proofs.of(at), self._sizer(at, policy))

    def run_alone(self, key: LaneKey, member: Member, failure: Failure | None) -> bool:
        """It goes on without batch mates, a piece as the request that it is of. False if there is nobody to go on."""
        whole = member.whole
        request = member if whole is None else whole.give_up()
        if request is None or request.call.ended:
            return False
        self._fallback(key, request, failure)
        return True

    def run_unjoined(self, key: LaneKey, member: Member, reason: Unjoined) -> None:
        """As `run_alone`, because joining is off for it."""
        if self.run_alone(key, member, None):
            self.counters.of(key.model, key.version).count_unjoined(reason)

    def run_all_alone(self, key: LaneKey, members: list[Member], failure: Failure | None) -> None:
        """Members of a join that came to nothing."""
        self._run_each(key, iter(self.still_waiting(members)), failure)

    def _run_each(self, key: LaneKey, members: Iterator[Member], failure: Failure | None) -> None:
        """What goes wrong with one is not the others' trouble."""
        try:
            for member in members:
                self.run_alone(key, member, failure)
        except BaseException:
            self._run_each(key, members, failure)
            raise

    def still_waiting(self, members: list[Member]) -> list[Member]:
        """Of a failed join. Who waited too long meanwhile is told so."""
        now_us = self.now_us()
        waiting = []
        for member in members:
            if member.deadline_us <= now_us:
                member.fail(DeadlineExceeded("deadline passed while the joined call ran"))
            elif not member.call.ended:
                waiting.append(member)
        return waiting

    def culprit_found(self, lane: Lane, bisection: Bisection, window: Window) -> None:
        """A member failed alone as its join did. A lane where that happens often is joined no more for a while."""
        bisection.culprits += 1
        if bisection.culprits > 1:
            return
        if self.poisons.culprit_found(lane.key, self.now_us()):
            lane.counters.poisoned += 1
            found = window.find(lane.key)
            if found is not None:
                for member in window.empty(found):
                    self.run_unjoined(lane.key, member, Unjoined.POISONED)

    def slot_over(self, gate: Gate, lane: Lane, sent_us: int) -> None:
        """A batch has come to its end, whatever that is: its slot is free."""
        lane.counters.slot_time_us += self.now_us() - sent_us
        gate.release()

    def answered(self, gate: Gate, lane: Lane, rows: int, capped: bool, sent_us: int) -> None:
        """A batch of `rows`, padding included, was answered: its time is known. `capped`: as in Sizer.measured."""
        sizer, target_s = lane.sizer, lane.policy.latency_target_s
        if sizer is not None and target_s is not None:
            target_us = int(target_s * 1e6)
            verdict = sizer.measured(rows, capped, sent_us, self.now_us(), target_us, lane.policy)
            gate.pace.measured(verdict, gate.slots)

    def _sizer(self, at: ProofKey, policy: BatchPolicy) -> Sizer | None:
        return None if policy.latency_target_s is None else self._sizers.of(at, policy.execution_rows)
