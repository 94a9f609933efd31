"""One queue of callers whose requests may be joined, and its caps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import islice

from gateway.batching.key import LaneKey
from gateway.batching.policy import BatchPolicy
from gateway.call import Call, Headers
from gateway.wire.tensor import RawTensor


class Member:
    """One caller's share of a batch: `rows` rows, `nbytes` of input values. `headers` go out with its answer.

    `owner` is for whoever runs it alone. `lane` is where it waits, None before and after.
    """

    __slots__ = (
        "call", "deadline_us", "enqueued_us", "headers", "inputs", "lane", "nbytes", "owner", "rows",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        inputs: Mapping[str, RawTensor],
        rows: int,
        nbytes: int,
        headers: Headers = (),
        owner: object = None,
    ) -> None:
        self.call = call
        self.owner = owner
        self.inputs = inputs
        self.rows = rows
        self.nbytes = nbytes
        self.headers = headers
        self.deadline_us = call.deadline.at_us
        self.enqueued_us = 0
        self.lane: Lane | None = None


class Lane:
    """Members in order of arrival. Adding one, removing any and taking the first cost the same at any length."""

    __slots__ = ("_members", "key", "nbytes", "policy", "rows")

    def __init__(self, key: LaneKey, policy: BatchPolicy) -> None:
        self.key = key
        self.policy = policy
        self.rows = 0
        self.nbytes = 0
        self._members: OrderedDict[Member, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._members)

    def has_room(self, member: Member) -> bool:
        """Whether it may wait here: an empty lane takes anything, then `max_enqueued_batches` batches' worth."""
        policy, batches = self.policy, self.policy.max_enqueued_batches
        return not self._members or (
            self.rows + member.rows <= batches * policy.max_batch_size
            and self.nbytes + member.nbytes <= batches * policy.max_batch_bytes
            and len(self._members) < batches * policy.max_batch_members
        )

    def add(self, member: Member, now_us: int) -> None:
        member.enqueued_us = now_us
        member.lane = self
        self._members[member] = None
        self.rows += member.rows
        self.nbytes += member.nbytes

    def remove(self, member: Member) -> None:
        del self._members[member]
        member.lane = None
        self.rows -= member.rows
        self.nbytes -= member.nbytes

    def due_us(self) -> int:
        """When its next batch may leave: a full one at once, another after `batch_timeout_micros`."""
        policy = self.policy
        if (
            not policy.batch_timeout_micros
            or self.rows >= policy.max_batch_size
            or self.nbytes >= policy.max_batch_bytes
            or len(self._members) >= policy.max_batch_members
        ):
            return 0
        return next(iter(self._members)).enqueued_us + policy.batch_timeout_micros

    def take(self, limit: int, alike_only: bool = False) -> list[Member]:
        """The first members that fit one batch, at most `limit`; with `alike_only`, while inputs equal the first's.

        At least one, even if it is over a cap by itself.
        """
        policy = self.policy
        taken: list[Member] = []
        rows = nbytes = 0
        for member in self._members:
            rows += member.rows
            nbytes += member.nbytes
            if taken and (
                rows > policy.max_batch_size
                or nbytes > policy.max_batch_bytes
                or len(taken) >= min(limit, policy.max_batch_members)
                or (alike_only and member.inputs != taken[0].inputs)
            ):
                break
            taken.append(member)
        for member in taken:
            self.remove(member)
        return taken

    def is_mixed(self, limit: int) -> bool:
        """Whether the first `limit` members' inputs differ."""
        return differ(list(islice(self._members, limit)))

    def expired(self, now_us: int) -> list[Member]:
        """Members whose callers' deadlines have passed; they stay until removed."""
        return [member for member in self._members if member.deadline_us <= now_us]

    def earliest_deadline_us(self) -> int:
        """Of its members; there is at least one."""
        return min([member.deadline_us for member in self._members])


def differ(members: Sequence[Member]) -> bool:
    """Whether any member's inputs differ from the first's."""
    return any(member.inputs != members[0].inputs for member in members[1:])
