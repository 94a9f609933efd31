"""The batcher: owns timers and callbacks of lanes and batches in flight. What to do, the pure modules decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.batching.counters import BatchCounters
from gateway.batching.gate import Gate
from gateway.batching.key import LaneKey, ProofKey
from gateway.batching.lane import Lane, Member, differ
from gateway.batching.lone import send_alone
from gateway.batching.outcome import wants_another_try, wants_members_alone
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import Done, Fallback, Loop, Send
from gateway.batching.proof import Finding, Proof, Proofs, Verb
from gateway.batching.trial import JOIN_TIMEOUT_US, Trial
from gateway.batching.window import Entry, Window
from gateway.call import Deadline
from gateway.errors import DeadlineExceeded, Failure, NoReplica, Shed
from gateway.wire.compare import same_answers
from gateway.wire.cut import cut_response
from gateway.wire.join import join_request
from gateway.wire.reasons import Uncut, Unjoined

_NOT_FOUND = 5  # gRPC: a version the gateway chose is gone, which fallback resolves anew


class Batcher:
    """Joins what is offered and answers each member's call with its own rows.

    `slots(upstream)` batches are in flight at once; with none (no replica is up) nobody waits, but goes to `fallback`.
    A joined call's failure is never shown to a member, whose `fallback` runs it alone instead.
    """

    def __init__(
        self,
        send: Send,
        fallback: Fallback,
        slots: Callable[[str], int],
        policy_of: Callable[[str], BatchPolicy],
        counters: BatchCounters,
        now_us: Callable[[], int],
        loop: Loop,
    ) -> None:
        self._send = send
        self._fallback = fallback
        self._slots = slots
        self._policy_of = policy_of  # by model name
        self._counters = counters
        self._now_us = now_us
        self._loop = loop
        self._gates: dict[str, Gate] = {}
        self._proofs = Proofs()
        self._closed = False

    def offer(self, key: LaneKey, member: Member) -> None:
        """Take `member` over: it is answered, or handed to `fallback`, or its caller leaves."""
        if member.call.ended:
            return None
        policy = self._policy_of(key.model)
        if self._closed or policy.mode is BatchMode.OFF:
            return self._run_alone(key, member, Unjoined.BATCHING_OFF)
        if self._proofs.of(key.proof_key).off_reason is not None:
            return self._run_alone(key, member, Unjoined.UNPROVEN_OFF)
        gate = self._gates.get(key.upstream)
        if gate is None:
            gate = self._gates[key.upstream] = Gate(key.upstream, self._loop, self._pump)
        entry = gate.window.offer(key, member, policy, self._now_us())
        if entry is Entry.QUEUED:
            member.call.on_end(partial(self._on_end, gate.window, member))
            return gate.look_soon()
        if entry is Entry.LANES_FULL:
            return self._run_alone(key, member, Unjoined.LANES_FULL)
        self._counters.of(key.model, key.version).shed += 1
        text = "The batch scheduling queue to which this task was submitted is full; currently "
        return member.call.fail(Shed(f"{text}{policy.max_enqueued_batches} batches wait"), member.headers)

    def slots_changed(self, upstream: str) -> None:
        """A replica came or went: look at who waits."""
        gate = self._gates.get(upstream)
        if gate is not None:
            gate.look_soon()

    def busy(self) -> bool:
        """Whether anyone waits or any batch is in flight."""
        return any(gate.window.members or gate.window.in_flight for gate in self._gates.values())

    def close(self) -> None:
        """Hand everyone who waits to `fallback`, and everyone still to come. Batches in flight are answered."""
        self._closed = True
        for gate in self._gates.values():
            gate.cancel()
            self._hand_back(gate.window, None)

    def forget(self, upstream: str, model: str, versions: frozenset[int]) -> None:
        """No replica has these versions any more: nothing is proved about them."""
        self._proofs.forget(upstream, model, versions)

    def proofs(self) -> list[tuple[ProofKey, Proof]]:
        """What is known about joining each signature, for status."""
        return self._proofs.items()

    def _pump(self, gate: Gate) -> None:
        window, now_us = gate.window, self._now_us()
        for key, member in window.expire(now_us):
            self._counters.of(key.model, key.version).expired += 1
            member.call.fail(DeadlineExceeded("deadline passed while waiting for a free batch slot"), member.headers)
        slots = self._slots(gate.upstream)
        if not slots:
            self._hand_back(window, NoReplica(f'upstream "{gate.upstream}": no replica is up'))
        while (lane := window.next_lane(now_us, slots)) is not None:
            self._dispatch(gate, lane, now_us)
        gate.look_at(window.wake_us(slots), now_us)

    def _dispatch(self, gate: Gate, lane: Lane, now_us: int) -> None:
        key, policy = lane.key, lane.policy
        proof = self._proofs.of(key.proof_key)
        if proof.off_reason is not None:
            for member in gate.window.empty(lane):
                self._run_alone(key, member, Unjoined.UNPROVEN_OFF)
            return
        plan = proof.plan(policy.mode, lane.is_mixed)
        members = gate.window.take(lane, plan.limit, plan.alike_only)
        rows = sum([member.rows for member in members])
        padding_rows = policy.padding_rows(rows)
        alone = len(members) == 1 and not (padding_rows and proof.may_pad(policy.mode))
        waited_us = sum([now_us - member.enqueued_us for member in members])
        counters = self._counters.of(key.model, key.version)
        counters.count_batch(len(members), rows, 0 if alone else padding_rows, waited_us)
        if alone:
            send_alone(self._send, key, members[0], partial(self._on_alone, gate, key, members[0]))
        elif plan.verb is Verb.TRIAL:
            counters.trials += 1
            self._send_trial(gate, key, members, padding_rows, proof, policy)
        else:
            done = partial(self._on_joined, gate, key, members, padding_rows)
            self._send_join(key, members, padding_rows, max([member.deadline_us for member in members]), done)

    def _send_join(self, key: LaneKey, members: list[Member], padding_rows: int, deadline_us: int, done: Done) -> None:
        inputs = [member.inputs for member in members]
        message = join_request(key.model, key.version, key.signature_name, key.output_filter, inputs, padding_rows)
        self._send(key, message, Deadline(deadline_us), done)

    def _send_trial(
        self, gate: Gate, key: LaneKey, members: list[Member], padding_rows: int, proof: Proof, policy: BatchPolicy
    ) -> None:
        """Each member alone, which answers it; then, if none failed, all joined, which is only compared.

        Not both at once: a member that kills its replica would kill another with the join.
        """
        compare = partial(same_answers, rtol=policy.proof_rtol, atol=policy.proof_atol)
        trial = Trial([member.rows for member in members], padding_rows, differ(members), compare)
        proof.trial_running = True

        def on_alone(index: int, reply: bytes | None, failure: Failure | None) -> None:
            complete = trial.add_alone(index, reply)
            self._answer(key, members[index], reply, failure)
            if complete and trial.all_answered:
                self._send_join(key, members, padding_rows, self._now_us() + JOIN_TIMEOUT_US, on_joined)
            elif complete:
                self._conclude(gate, key, proof, trial, Finding.NOTHING)

        def on_joined(reply: bytes | None, failure: Failure | None) -> None:
            self._conclude(gate, key, proof, trial, trial.find(reply, failure))

        for index, member in enumerate(members):
            send_alone(self._send, key, member, partial(on_alone, index))

    def _conclude(self, gate: Gate, key: LaneKey, proof: Proof, trial: Trial, finding: Finding) -> None:
        was_off = proof.off_reason is not None
        proof.learn(finding, trial.varied, trial.reason)
        counters = self._counters.of(key.model, key.version)
        counters.joins_failed += finding is Finding.REFUSED
        counters.turned_off += not was_off and proof.off_reason is not None
        self._release(gate)

    def _on_alone(self, gate: Gate, key: LaneKey, member: Member, reply: bytes | None, failure: Failure | None) -> None:
        self._release(gate)
        self._answer(key, member, reply, failure)

    def _on_joined(
        self,
        gate: Gate,
        key: LaneKey,
        members: list[Member],
        padding_rows: int,
        reply: bytes | None,
        failure: Failure | None,
    ) -> None:
        self._release(gate)
        counters = self._counters.of(key.model, key.version)
        if reply is None:
            counters.joins_failed += 1
            if failure is None or wants_members_alone(failure):
                return self._fall_back(key, members, failure)
            for member in members:
                member.call.fail(failure, member.headers)
            return None
        parts = cut_response(reply, [member.rows for member in members], padding_rows)
        if isinstance(parts, Uncut):
            counters.joins_uncut += 1
            counters.turned_off += 1
            self._proofs.of(key.proof_key).turn_off(f"joined replies cannot be cut: {parts.value}")
            return self._fall_back(key, members, None)
        for member, part in zip(members, parts, strict=True):
            member.call.reply(part, member.headers)
        return None

    def _answer(self, key: LaneKey, member: Member, reply: bytes | None, failure: Failure | None) -> None:
        """A lone call's outcome is its own, unless its replica died or its version went away."""
        if reply is not None:
            member.call.reply(reply, member.headers)
        elif failure is not None and not wants_another_try(failure):
            member.call.fail(failure, member.headers)
        elif not member.call.ended:
            self._fallback(key, member, failure)

    def _fall_back(self, key: LaneKey, members: list[Member], failure: Failure | None) -> None:
        now_us = self._now_us()
        for member in members:
            if member.deadline_us <= now_us:
                member.call.fail(DeadlineExceeded("deadline passed while the joined call ran"), member.headers)
            elif not member.call.ended:
                self._fallback(key, member, failure)

    def _run_alone(self, key: LaneKey, member: Member, reason: Unjoined) -> None:
        self._counters.of(key.model, key.version).count_unjoined(reason)
        self._fallback(key, member, None)

    def _hand_back(self, window: Window, failure: Failure | None) -> None:
        """Everyone who waits goes on without batch mates."""
        waiting = [(lane.key, member) for lane in window.lanes() for member in window.empty(lane)]
        for key, member in waiting:
            self._fallback(key, member, failure)

    def _release(self, gate: Gate) -> None:
        gate.window.release()
        gate.look_soon()

    def _on_end(self, window: Window, member: Member) -> None:
        """The call ended while its member waits: the caller left."""
        lane = member.lane
        if lane is not None:
            window.leave(lane, member)
            self._counters.of(lane.key.model, lane.key.version).cancelled += 1
