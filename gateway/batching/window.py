"""All lanes before one upstream and its slots: who leaves next, and when to look again.

Never wait when idle: whatever a lane holds is due while a slot is free, so light load sees no added wait and what
arrives while every slot is busy leaves together. Where lanes wait for slots, they take turns (gateway.batching.rounds).
Halves of a failed join (gateway.batching.half) take turns with them: while a lane is due, every other batch at most is
a half. A lane sends nothing while a half of its own waits, so halves of one lane never hold more members than `slots`
batches do, and those of a model `max_lanes` times as many. What they cost their lane pays in turns, there or not.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from gateway.batching.counters import Leaving
from gateway.batching.half import Half, Halves
from gateway.batching.key import LaneKey
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.policy import BatchPolicy
from gateway.batching.rounds import Rounds
from gateway.call import NEVER_US

SCAN_GAP_US: Final = 1000  # between two searches for expired members, each of which looks at everyone who waits


class Window:
    """`in_flight` batches hold a slot; `members` callers wait. Lanes exist only while they hold someone."""

    __slots__ = (
        "_contended", "_earliest_deadline_us", "_half_went", "_halves", "_lanes", "_lanes_of_model", "_looks",
        "_recent", "_rest_until_us", "_resting", "_rounds", "_scan_after_us", "in_flight", "members",
    )  # fmt: skip

    def __init__(self) -> None:
        self.in_flight = 0
        self.members = 0
        self._lanes: dict[LaneKey, Lane] = {}
        self._recent: Lane | None = None
        self._lanes_of_model: Counter[str] = Counter()
        self._halves = Halves()
        self._half_went = False  # the last batch that left was one
        self._rounds = Rounds()
        self._contended = False
        self._resting: dict[LaneKey, Lane] = {}  # not due yet (batch_timeout_micros)
        self._rest_until_us = NEVER_US  # never later than the first of them is due
        self._earliest_deadline_us = NEVER_US  # never later than the true one, but for SCAN_GAP_US
        self._scan_after_us = 0
        self._looks = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def find(self, key: LaneKey) -> Lane | None:
        """The lane of this key, if anyone waits in it."""
        recent = self._recent
        if recent is not None and recent.key is key and recent.listed:
            return recent
        return self._lanes.get(key)

    def emptied(self, key: LaneKey) -> Lane | None:
        """The lane of this key if it is the last that anyone waited in, and empty: to be used again."""
        recent = self._recent
        return recent if recent is not None and recent.key is key and not recent.listed else None

    def may_open(self, key: LaneKey, policy: BatchPolicy) -> bool:
        """Whether its model may have another lane."""
        return self._lanes_of_model[key.model] < policy.max_lanes

    def add(self, lane: Lane, member: Member, now_us: int) -> None:
        """Queue `member`, for which its lane has room. The lane is one of `find`, or new."""
        lane.add(member, now_us)
        self.members += 1
        if member.deadline_us < self._earliest_deadline_us:
            self._heed(member.deadline_us)
        if not lane.listed:
            lane.listed = True
            lane.looks = self._looks
            self._lanes[lane.key] = self._recent = lane
            self._lanes_of_model[lane.key.model] += 1
        if lane.group < 0:
            self._place(lane, now_us)
        elif not len(lane) & (len(lane) - 1):
            self._rounds.refile(lane)

    def leave(self, lane: Lane, member: Member) -> None:
        """Take one waiting member out: its caller is gone, or its time is up."""
        lane.remove(member)
        self._left(lane, 1)

    def add_halves(self, halves: list[Half]) -> None:
        """They are next of their failed join, in this order. Their lane waits until they have left."""
        self._halves.add(halves)
        for half in halves:
            self.members += len(half.members)
            self._heed(min([member.deadline_us for member in half.members]))
            lane = self._lanes.get(half.lane.key)
            if lane is not None and lane.group >= 0:
                self._rounds.leave(lane)
                self._resting[lane.key] = lane

    def leave_half(self, half: Half, member: Member) -> None:
        """As `leave`."""
        half.members.remove(member)
        member.holder = None
        self.members -= 1
        if not half.members:
            self._halves.remove(half)
            self._let_in(half.lane.key)

    def take_half(self, now_us: int) -> Half | None:
        """The half whose turn it is, if any; it holds a slot until `release`. There is a slot for it."""
        if not self._halves:
            return None
        self._rouse(now_us)
        if self._half_went and self._rounds.count:
            return None
        half = self._halves.take()
        self._half_went = True
        self.members -= len(half.members)
        self.in_flight += 1
        self._rounds.owe(half.lane.key, sum([member.rows for member in half.members]))
        self._let_in(half.lane.key)
        return half

    def expire(self, now_us: int) -> list[tuple[Lane, Member]]:
        """Take out everyone whose deadline has passed, with the lane they came from."""
        if now_us < self._earliest_deadline_us:
            return []
        expired = [(lane, member) for lane in self._lanes.values() for member in lane.expired(now_us)]
        for lane, member in expired:
            self.leave(lane, member)
        for half in self._halves.all():
            for member in [member for member in half.members if member.deadline_us <= now_us]:
                expired.append((half.lane, member))
                self.leave_half(half, member)
        remaining = [lane.earliest_deadline_us() for lane in self._lanes.values()]
        remaining += [member.deadline_us for half in self._halves.all() for member in half.members]
        self._scan_after_us = now_us + SCAN_GAP_US
        self._earliest_deadline_us = NEVER_US
        self._heed(min(remaining, default=NEVER_US))
        return expired

    def next_lane(self, now_us: int, slots: int) -> Lane | None:
        """The lane whose turn it is: due and a slot free for it; None if nobody may leave now."""
        free = slots - self.in_flight
        if free <= 0:
            return None
        self._rouse(now_us)
        if not self._rounds.count:
            return None
        self._contended = self._rounds.count > free
        return self._rounds.next_lane() if self._contended else self._rounds.any_lane()

    def take(self, lane: Lane, limit: int, now_us: int, alike_only: bool = False) -> list[Member]:
        """The next batch of the lane that `next_lane` gave (see Lane.take); it holds a slot until `release`."""
        members = lane.take(limit, alike_only)
        self._half_went = False
        self.in_flight += 1
        if self._contended:
            rows = sum([member.rows for member in members])
            self._rounds.charge(lane, rows + lane.policy.padding_rows(rows))
        lane.waited = True  # whoever is left
        self._left(lane, len(members))
        if lane.listed and lane.policy.batch_timeout_micros:
            self._rounds.leave(lane)
            self._place(lane, now_us)
        return members

    def empty(self, lane: Lane) -> list[Member]:
        """Everyone in `lane`, which is gone; they hold no slot."""
        members = lane.empty()
        self._left(lane, len(members))
        return members

    def empty_all(self) -> list[tuple[Lane, Member]]:
        """Everyone, with the lane they came from."""
        members = [(lane, member) for lane in self.lanes() for member in self.empty(lane)]
        halved = [(half, member) for half in self._halves.all() for member in half.members]
        for half, member in halved:
            self.leave_half(half, member)
        return members + [(half.lane, member) for half, member in halved]

    def lanes(self) -> list[Lane]:
        return list(self._lanes.values())

    def release(self) -> None:
        """A batch has come to its end: its slot is free."""
        self.in_flight -= 1

    def looked(self) -> None:
        """Everyone who could leave has left: who is still there waits for a slot."""
        self._looks += 1

    def leaving(self, lane: Lane) -> Leaving:
        """Why its next batch leaves now."""
        if lane.is_full():
            return Leaving.FULL
        if lane.policy.batch_timeout_micros:
            return Leaving.TIMEOUT
        return Leaving.SLOT if lane.waited or lane.looks < self._looks else Leaving.IDLE

    def wake_us(self, slots: int) -> int:
        """When to look again if nothing else happens: the next due lane (with a slot free) or the next deadline."""
        wake_us = self._earliest_deadline_us if self.members else NEVER_US
        return min(wake_us, self._rest_until_us) if self._resting and self.in_flight < slots else wake_us

    def _heed(self, deadline_us: int) -> None:
        """Someone waits until then."""
        self._earliest_deadline_us = min(self._earliest_deadline_us, max(deadline_us, self._scan_after_us))

    def _place(self, lane: Lane, now_us: int) -> None:
        """A lane that has no place yet, or rests, enters the rounds if it is due."""
        due_us = NEVER_US if self._halves and self._halves.has_of(lane.key) else lane.due_us()
        if due_us <= now_us:
            self._resting.pop(lane.key, None)
            self._rounds.enter(lane)
        else:
            self._resting[lane.key] = lane
            self._rest_until_us = min(self._rest_until_us, due_us)

    def _let_in(self, key: LaneKey) -> None:
        """A half of this lane has left; the lane waits for the last."""
        if key in self._resting and not self._halves.has_of(key):
            self._rest_until_us = 0

    def _rouse(self, now_us: int) -> None:
        if self._resting and now_us >= self._rest_until_us:
            self._rest_until_us = NEVER_US
            for lane in list(self._resting.values()):
                self._place(lane, now_us)

    def _left(self, lane: Lane, count: int) -> None:
        self.members -= count
        if lane:
            if lane.group >= 0:
                self._rounds.refile(lane)
            return
        lane.listed = False
        if lane.group >= 0:
            self._rounds.leave(lane)
        else:
            self._resting.pop(lane.key, None)
        del self._lanes[lane.key]
        model = lane.key.model
        self._lanes_of_model[model] -= 1
        if not self._lanes_of_model[model]:
            del self._lanes_of_model[model]
