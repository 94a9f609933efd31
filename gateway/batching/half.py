"""Some members of a joined call that failed, who are to be tried again with fewer batch mates, or alone."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Final, Protocol

from gateway.batching.key import LaneKey
from gateway.batching.lane import Lane
from gateway.batching.member import Member

MAX_CULPRITS: Final = 4  # in one failed join: whoever is left of it then goes alone


class Bisection:
    """What all halves of one failed join share: how many culprits were found among them."""

    __slots__ = ("culprits",)

    def __init__(self) -> None:
        self.culprits = 0


class Queue(Protocol):
    """Where halves wait (gateway.batching.window)."""

    def leave_half(self, half: Half, member: Member) -> None: ...


class Half:
    """It waits for a slot, in turn with the lanes. `lane` is where its members came from; it may be gone."""

    __slots__ = ("_queue", "bisection", "lane", "members")

    def __init__(self, lane: Lane, members: list[Member], bisection: Bisection, queue: Queue) -> None:
        self.lane = lane
        self.members = members
        self.bisection = bisection
        self._queue = queue
        for member in members:
            member.holder = self

    def drop(self, member: Member, cancelled: bool) -> None:
        """It waits no longer."""
        self.lane.counters.cancelled += cancelled
        self._queue.leave_half(self, member)

    def first_alone(self) -> Half:
        """Its first member, who leaves it."""
        return Half(self.lane, [self.members.pop(0)], self.bisection, self._queue)


def halves(lane: Lane, members: list[Member], bisection: Bisection, queue: Queue) -> list[Half]:
    """Two, of members next to one another; one of a single member."""
    middle = (len(members) + 1) // 2
    return [Half(lane, part, bisection, queue) for part in (members[:middle], members[middle:]) if part]


class Halves:
    """All that wait in one window. The failed joins take turns; of each, what was halved last goes first."""

    __slots__ = ("_lanes", "_queues")

    def __init__(self) -> None:
        self._queues: OrderedDict[Bisection, deque[Half]] = OrderedDict()  # none is empty
        self._lanes: Counter[LaneKey] = Counter()  # how many halves wait; none is 0

    def __len__(self) -> int:
        return sum([len(queue) for queue in self._queues.values()])

    def __bool__(self) -> bool:
        return bool(self._queues)

    def has_of(self, key: LaneKey) -> bool:
        """Whether a half of this lane waits."""
        return key in self._lanes

    def all(self) -> list[Half]:
        return [half for queue in self._queues.values() for half in queue]

    def add(self, halves: list[Half]) -> None:
        """They leave next of their join, in this order."""
        for half in reversed(halves):
            self._queues.setdefault(half.bisection, deque()).appendleft(half)
            self._lanes[half.lane.key] += 1

    def remove(self, half: Half) -> None:
        queue = self._queues[half.bisection]
        queue.remove(half)
        if not queue:
            del self._queues[half.bisection]
        self._one_less(half.lane.key)

    def take(self) -> Half:
        """The half that leaves next; there is one at least. After MAX_CULPRITS of its join, one member at a time."""
        bisection, queue = next(iter(self._queues.items()))
        self._queues.move_to_end(bisection)
        half = queue[0]
        if bisection.culprits >= MAX_CULPRITS and len(half.members) > 1:
            half = half.first_alone()
        else:
            self.remove(half)
        for member in half.members:
            member.holder = None
        return half

    def _one_less(self, key: LaneKey) -> None:
        self._lanes[key] -= 1
        if not self._lanes[key]:
            del self._lanes[key]
