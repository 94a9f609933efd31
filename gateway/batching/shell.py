"""The batcher: takes calls over from the rooms around it. What becomes of them, the modules beside it decide."""

from __future__ import annotations

from collections.abc import Callable

from gateway.batching.counters import BatchCounters
from gateway.batching.desk import Desk
from gateway.batching.gate import Gate
from gateway.batching.key import LaneKey, ProofKey
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import Fallback, Loop, Send
from gateway.batching.proof import Proof
from gateway.batching.pump import Pump
from gateway.batching.split import Split, piece_sizes
from gateway.errors import Shed
from gateway.wire.reasons import Unjoined


class Batcher:
    """Joins what is offered and answers each member's call with its own rows.

    `slots(upstream)` batches are in flight at once; with none (no replica is up) nobody waits, but goes to `fallback`.
    A joined call's failure is never shown to a member unless it is its own, or tells of a replica without room or time.
    """

    __slots__ = ("_closed", "_desk", "_gates", "_loop", "_pump")

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
        self._desk = Desk(send, fallback, policy_of, counters, now_us)
        self._pump = Pump(self._desk, slots)
        self._loop = loop
        self._gates: dict[str, Gate] = {}
        self._closed = False

    def offer(self, key: LaneKey, member: Member) -> None:
        """Take `member` over: it is answered, or handed to `fallback`, or its caller leaves."""
        if member.call.ended:
            return
        gate = self._gates.get(key.upstream)
        if gate is None:
            gate = self._gates[key.upstream] = Gate(key.upstream, self._loop, self._pump.look)
        window = gate.window
        lane = window.find(key)
        if lane is None:
            lane = self._open(gate, key, member)
            if lane is None:
                return
        if lane.proof.off_reason is not None:
            self._desk.run_unjoined(key, member, Unjoined.UNPROVEN_OFF)
        elif not gate.admit(member):
            self._desk.run_unjoined(key, member, Unjoined.TOO_LARGE)
        elif member.rows > lane.execution_rows and lane.policy.enable_large_batch_splitting:
            self._offer_pieces(gate, lane, member)
        elif gate.is_quiet and not lane.policy.rests and self._pump.send_at_once(gate, lane, member):
            member.call.on_end(member.left)
        elif lane.has_room(member.rows, member.nbytes):
            window.add(lane, member, self._desk.now_us())
            member.call.on_end(member.left)
            gate.look_soon()
        else:
            _shed(lane, member)

    def slots_changed(self, upstream: str) -> None:
        """A replica came or went: look at who waits."""
        gate = self._gates.get(upstream)
        if gate is not None:
            gate.look_soon()

    def slots_in_use(self) -> list[tuple[str, int, int]]:
        """(upstream, batches in flight, how many may be) of every upstream that had calls to join."""
        return [(name, gate.window.in_flight, self._pump.slots(gate)) for name, gate in self._gates.items()]

    def busy(self) -> bool:
        """Whether anyone waits or any batch is in flight."""
        return any(gate.window.members or gate.window.in_flight for gate in self._gates.values())

    def close(self) -> None:
        """Hand everyone who waits to `fallback`, and everyone still to come. Batches in flight are answered.

        Joins of trials, which are nobody's answer, are called back.
        """
        self._closed = True
        for gate in self._gates.values():
            gate.close()
            self._pump.hand_back(gate, None)

    def forget(self, upstream: str, model: str, versions: frozenset[int]) -> None:
        """No replica has these versions any more: nothing is proved about them."""
        self._desk.proofs.forget(upstream, model, versions)

    def proofs(self) -> list[tuple[ProofKey, Proof]]:
        """What is known about joining each signature, for status."""
        return self._desk.proofs.items()

    def poisoned(self) -> list[tuple[LaneKey, int]]:
        """Lanes that run unjoined for a while because a member often made their joins fail, and how long (us) yet."""
        return self._desk.poisons.off(self._desk.now_us())

    def _open(self, gate: Gate, key: LaneKey, member: Member) -> Lane | None:
        """A lane for its first member, unless that runs unjoined."""
        desk = self._desk
        policy = desk.policy(key)
        if self._closed or policy.mode is BatchMode.OFF:
            desk.run_unjoined(key, member, Unjoined.BATCHING_OFF)
        elif len(desk.poisons) and desk.poisons.is_off(key, desk.now_us()):
            desk.run_unjoined(key, member, Unjoined.POISONED)
        elif not gate.window.may_open(key, policy):
            desk.run_unjoined(key, member, Unjoined.LANES_FULL)
        else:
            return self._lane(gate, key, policy)
        return None

    def _lane(self, gate: Gate, key: LaneKey, policy: BatchPolicy) -> Lane:
        """A caller by itself comes back to the lane it left, again and again."""
        lane = gate.window.emptied(key)
        if lane is None:
            return self._desk.new_lane(key, policy, gate.window)
        lane.waited = False
        self._desk.refresh(lane)
        return lane

    def _offer_pieces(self, gate: Gate, lane: Lane, member: Member) -> None:
        """A large request waits in pieces, if rows are proved to be independent: else it runs as it came."""
        desk, policy = self._desk, lane.policy
        sizes = piece_sizes(member.rows, member.nbytes, policy)
        if len(sizes) > policy.max_enqueued_batches or not lane.proof.may_pad(policy.mode):
            desk.run_unjoined(lane.key, member, Unjoined.TOO_MANY_ROWS)
            return
        if not lane.has_room(member.rows, member.nbytes, len(sizes)):
            _shed(lane, member)
            return
        split = Split(desk, lane.key, member, sizes)
        lane.counters.splits += 1
        lane.counters.pieces += len(sizes)
        now_us = desk.now_us()
        for piece in split.pieces:
            gate.window.add(lane, piece, now_us)
        member.call.on_end(split.left)
        gate.look_soon()


def _shed(lane: Lane, member: Member) -> None:
    lane.counters.shed += 1
    text = "The batch scheduling queue to which this task was submitted is full; currently "
    member.fail(Shed(f"{text}{lane.policy.max_enqueued_batches} batches wait"))
