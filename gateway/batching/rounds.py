"""Whose turn it is among the lanes of one upstream: deficit round robin, lanes of few callers apart from lanes of many.

A batch costs its rows, padding included, and BATCH_COST more: it takes a slot and an upstream call however small it is,
so that sixty-four lanes of one row each are not charged like one lane that fills a batch. In its turn a lane sends for
QUANTUM, or for one batch that costs more, which its next turns pay (Shreedhar and Varghese 1996; charged afterwards, so
that nobody looks through a lane to see what its batch would cost). So lanes get equal shares of rows, not of batches.

A client can make as many lanes as its model may have (`max_lanes`), with a caller in each, and one turn each would
leave a lane in which many wait one batch in hundreds. So lanes are grouped by how many wait in them: 1, 2-3, 4-7 and so
on. The group that was served least goes next; in it, whose last turn ended first. A lane of n callers thus waits for:

- lanes in which about as many wait (at least n / 2): QUANTUM each, or their one batch, between two turns of its own.
  Of C callers elsewhere that is at most 2 C / n lanes;
- each of the other groups, ten at most: as much as its own group is served, and one batch.

A lane that changes groups, as callers come and leave, keeps the time of its last turn, and so its place: before it in
any group are only those who wait longer, and each of them has one turn.

In a thousand lanes of one caller the lane of many is alone in its group: between two of its batches the thousand get
the cost of one of its own. They still get that, so the other side doesn't starve either.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import Final

from gateway.batching.key import LaneKey
from gateway.batching.lane import Lane

BATCH_COST: Final = 16  # in rows
QUANTUM: Final = 64 + BATCH_COST  # a full batch of the default size
GROUPS: Final = 10  # the last one: 512 callers and more
MAX_DEBTS: Final = 1024


class Rounds:
    """The lanes that have something due. `count` of them; each is here once."""

    __slots__ = ("_debts", "_groups", "_now", "_served", "_since", "_spent", "_turns", "count")

    def __init__(self) -> None:
        self.count = 0
        self._groups: list[list[Lane]] = [[] for _ in range(GROUPS)]  # each by `since`
        self._since: list[list[int]] = [[] for _ in range(GROUPS)]  # of each of them
        self._turns = 0
        self._served = [0] * GROUPS  # cost
        self._now = 0  # what the group had been served that went last: one that comes starts there, not with arrears
        self._spent = 0  # cost of all that was served while others waited
        # What lanes that came empty still owed, less `_spent` at that time: what others are served meanwhile pays it.
        self._debts: OrderedDict[LaneKey, int] = OrderedDict()

    def enter(self, lane: Lane) -> None:
        """It has something due, and waits for its turn behind the others of its group."""
        lane.deficit = QUANTUM
        if self._debts:
            lane.deficit += min(0, self._debts.pop(lane.key, 0) + self._spent)
        self.count += 1
        self._turns += 1
        lane.since = self._turns
        self._put(lane, _group_of(len(lane)), self._now)

    def refile(self, lane: Lane) -> None:
        """Others wait in it now than before."""
        group = _group_of(len(lane))
        if group != lane.group:
            was = lane.group
            self._pull(lane)
            self._put(lane, group, self._served[was])

    def leave(self, lane: Lane) -> None:
        """It has nothing due any more. What it owes is remembered while others wait."""
        self._pull(lane)
        lane.group = -1
        self.count -= 1
        if not self.count:
            self._debts.clear()
        elif lane.deficit < 0:
            self._remember(lane.key, lane.deficit)

    def any_lane(self) -> Lane:
        """One of them, where there is room for all: nobody needs to take turns."""
        for lanes in self._groups:
            if lanes:
                return lanes[0]
        raise LookupError("no lane has anything due")

    def next_lane(self) -> Lane:
        """The lane whose turn it is; there is one at least."""
        group = -1
        for index, waiting in enumerate(self._groups):
            if waiting and (group < 0 or self._served[index] <= self._served[group]):
                group = index  # of several, the one with most callers
        self._now = self._served[group]
        lanes = self._groups[group]
        lane = lanes[0]
        if len(lanes) == 1:  # it owes nobody
            lane.deficit = max(lane.deficit, 1)
            return lane
        for _ in range(len(lanes)):
            if lane.deficit > 0:
                return lane
            lane.deficit += QUANTUM
            self._turn_over(lane)
            lane = lanes[0]
        # Everyone owes more than a turn pays: so many turns at once that the first may send.
        lift = max(0, 1 - max([each.deficit for each in lanes]))
        for each in lanes:
            each.deficit += lift
        while lane.deficit <= 0:
            self._turn_over(lane)
            lane = lanes[0]
        return lane

    def charge(self, lane: Lane, rows: int) -> None:
        """It sent a batch of so many rows, padding included, while others waited."""
        cost = rows + BATCH_COST
        lane.deficit -= cost
        self._spent += cost
        if lane.group >= 0:
            self._served[lane.group] += cost

    def owe(self, key: LaneKey, rows: int) -> None:
        """A batch of so many rows left for this lane, which is not here: it pays when it comes, if others wait now."""
        cost = rows + BATCH_COST
        owed = min(0, self._debts.pop(key, -self._spent) + self._spent)
        self._spent += cost
        if self.count:
            self._remember(key, owed - cost)

    def _remember(self, key: LaneKey, owed: int) -> None:
        if len(self._debts) >= MAX_DEBTS:
            self._debts.popitem(last=False)
        self._debts[key] = owed - self._spent

    def _turn_over(self, lane: Lane) -> None:
        """The first of a group goes behind all others."""
        self._pull(lane)
        self._turns += 1
        lane.since = self._turns
        self._groups[lane.group].append(lane)
        self._since[lane.group].append(lane.since)

    def _pull(self, lane: Lane) -> None:
        since = self._since[lane.group]
        index = bisect_left(since, lane.since)
        del since[index], self._groups[lane.group][index]

    def _put(self, lane: Lane, group: int, served: int) -> None:
        """`served`: what a group that had nobody has been served at least, as of now."""
        lanes, since = self._groups[group], self._since[group]
        if not lanes:
            self._served[group] = max(self._served[group], served)
        index = bisect_left(since, lane.since)
        lanes.insert(index, lane)
        since.insert(index, lane.since)
        lane.group = group


def _group_of(members: int) -> int:
    return min(members.bit_length(), GROUPS) - 1
