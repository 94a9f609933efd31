"""All lanes before one upstream and its slots: who leaves next, and when to look again.

Never wait when idle: whatever a lane holds is due while a slot is free, so light load sees no added wait and what
arrives while every slot is busy leaves together. Lanes take turns, one batch each.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict

from gateway.batching.key import LaneKey
from gateway.batching.lane import Lane, Member
from gateway.batching.policy import BatchPolicy
from gateway.call import NEVER_US


class Entry(enum.Enum):
    """What became of an offered member."""

    QUEUED = "queued"
    LANE_FULL = "lane_full"  # as many as its policy lets wait are waiting: shed it
    LANES_FULL = "lanes_full"  # its model has as many lanes as its policy allows: run it alone


class Window:
    """`in_flight` batches hold a slot; `members` callers wait in lanes. Lanes exist only while they hold someone."""

    __slots__ = ("_earliest_deadline_us", "_lanes", "_lanes_of_model", "in_flight", "members")

    def __init__(self) -> None:
        self.in_flight = 0
        self.members = 0
        self._lanes: OrderedDict[LaneKey, Lane] = OrderedDict()  # in order of turns
        self._lanes_of_model: Counter[str] = Counter()
        self._earliest_deadline_us = NEVER_US  # never later than the true one

    def __len__(self) -> int:
        return len(self._lanes)

    def offer(self, key: LaneKey, member: Member, policy: BatchPolicy, now_us: int) -> Entry:
        """Queue `member` under `policy`, which holds for its lane until that is empty again."""
        lane = self._lanes.get(key)
        if lane is None:
            if self._lanes_of_model[key.model] >= policy.max_lanes:
                return Entry.LANES_FULL
            lane = self._lanes[key] = Lane(key, policy)
            self._lanes_of_model[key.model] += 1
        elif not lane.has_room(member):
            return Entry.LANE_FULL
        lane.add(member, now_us)
        self.members += 1
        self._earliest_deadline_us = min(self._earliest_deadline_us, member.deadline_us)
        return Entry.QUEUED

    def leave(self, lane: Lane, member: Member) -> None:
        """Take one waiting member out: its caller is gone, or its time is up."""
        lane.remove(member)
        self._left(lane, 1)

    def expire(self, now_us: int) -> list[tuple[LaneKey, Member]]:
        """Take out everyone whose deadline has passed."""
        if now_us < self._earliest_deadline_us:
            return []
        expired = [(lane, member) for lane in self._lanes.values() for member in lane.expired(now_us)]
        for lane, member in expired:
            self.leave(lane, member)
        remaining = [lane.earliest_deadline_us() for lane in self._lanes.values()]
        self._earliest_deadline_us = min(remaining, default=NEVER_US)
        return [(lane.key, member) for lane, member in expired]

    def next_lane(self, now_us: int, slots: int) -> Lane | None:
        """The lane whose turn it is: due and a slot free for it; None if nobody may leave now."""
        if self.in_flight >= slots:
            return None
        for lane in self._lanes.values():
            if lane.due_us() <= now_us:
                return lane
        return None

    def take(self, lane: Lane, limit: int, alike_only: bool = False) -> list[Member]:
        """The lane's next batch (see Lane.take); it holds a slot until `release`, and its lane goes to the end."""
        members = lane.take(limit, alike_only)
        self._lanes.move_to_end(lane.key)
        self._left(lane, len(members))
        self.in_flight += 1
        return members

    def empty(self, lane: Lane) -> list[Member]:
        """Everyone in `lane`, which is gone; they hold no slot."""
        members: list[Member] = []
        while lane:
            members += lane.take(len(lane))
        self._left(lane, len(members))
        return members

    def lanes(self) -> list[Lane]:
        """In order of turns."""
        return list(self._lanes.values())

    def release(self) -> None:
        """A batch has come to its end: its slot is free."""
        self.in_flight -= 1

    def wake_us(self, slots: int) -> int:
        """When to look again if nothing else happens: the next due lane (with a slot free) or the next deadline."""
        wake_us = self._earliest_deadline_us if self.members else NEVER_US
        if self.in_flight < slots:
            wake_us = min([wake_us, *[lane.due_us() for lane in self._lanes.values()]])
        return wake_us

    def _left(self, lane: Lane, count: int) -> None:
        self.members -= count
        if not lane:
            del self._lanes[lane.key]
            self._lanes_of_model[lane.key.model] -= 1
            if not self._lanes_of_model[lane.key.model]:
                del self._lanes_of_model[lane.key.model]
