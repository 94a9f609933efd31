"""One queue of callers whose requests may be joined, and its caps."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Protocol

from gateway.batching.adapt import Sizer
from gateway.batching.counters import LaneCounters
from gateway.batching.key import LaneKey
from gateway.batching.member import Member, differ, lengths_differ, repeated_rows
from gateway.batching.policy import BatchPolicy
from gateway.batching.proof import Proof
from gateway.batching.widen import Widening
from gateway.wire.tensor import Features

__all__ = ["Keeper", "Lane", "Member"]


class Keeper(Protocol):
    """Who has the lane among others (gateway.batching.window)."""

    def leave(self, lane: Lane, member: Member) -> None: ...


class Lane:
    """Members in order of arrival. Adding one, removing any and taking the first cost the same at any length.

    It is also what batches in flight know about where they come from. `group`, `deficit` and `since` are for whoever
    decides whose turn it is (gateway.batching.rounds), `listed`, `waited` and `looks` for its window.
    """

    __slots__ = (
        "_features", "_keeper", "_members", "counters", "deficit", "execution_rows", "group", "key", "lengths_differ",
        "listed", "looks", "nbytes", "policy", "proof", "rows", "since", "sizer", "waited",
    )  # fmt: skip

    def __init__(
        self,
        key: LaneKey,
        policy: BatchPolicy,
        counters: LaneCounters,
        proof: Proof,
        keeper: Keeper,
        sizer: Sizer | None = None,
    ) -> None:
        self.key = key
        self.counters = counters
        self.rows = 0
        self.nbytes = 0
        self.group = -1
        self.deficit = 0
        self.since = 0
        self.listed = False
        self.waited = False
        self.looks = 0
        self.lengths_differ = False  # of any two that waited in it since it was empty
        self._features: Features = ()  # of the last that came
        self._keeper = keeper
        self._members: OrderedDict[Member, None] = OrderedDict()
        self.adopt(policy, proof, sizer)

    def __len__(self) -> int:
        return len(self._members)

    def adopt(self, policy: BatchPolicy, proof: Proof, sizer: Sizer | None) -> None:
        """Go by these from now on."""
        self.policy = policy
        self.proof = proof
        self.sizer = sizer
        self.execution_rows = policy.execution_rows

    def cap_rows(self) -> int:
        """Rows of its next batch at most."""
        sizer = self.sizer
        return self.execution_rows if sizer is None else self.policy.rows_allowed(sizer.rows)

    def has_room(self, rows: int, nbytes: int, members: int = 1) -> bool:
        """Whether they may wait here: an empty lane takes anything, then `max_enqueued_batches` batches' worth."""
        policy, batches = self.policy, self.policy.max_enqueued_batches
        return not self._members or (
            self.rows + rows <= batches * policy.max_batch_size
            and self.nbytes + nbytes <= batches * policy.max_batch_bytes
            and len(self._members) + members <= batches * policy.max_batch_members
        )

    def add(self, member: Member, now_us: int) -> None:
        member.enqueued_us = now_us
        member.holder = self
        if not self._members:
            self._features, self.lengths_differ = member.features, False
        elif member.features is not self._features and member.features != self._features:
            self._features, self.lengths_differ = member.features, True
        self._members[member] = None
        self.rows += member.rows
        self.nbytes += member.nbytes

    def remove(self, member: Member) -> None:
        del self._members[member]
        member.holder = None
        self.rows -= member.rows
        self.nbytes -= member.nbytes

    def drop(self, member: Member, cancelled: bool) -> None:
        """It waits no longer."""
        self.counters.cancelled += cancelled
        self._keeper.leave(self, member)

    def is_full(self) -> bool:
        """Whether a batch would leave it at a cap."""
        policy = self.policy
        return (
            self.rows >= self.cap_rows()
            or self.nbytes >= policy.max_batch_bytes
            or len(self._members) >= policy.max_batch_members
        )

    def held_back(self, rows: int, padding_rows: int) -> bool:
        """Whether the cap on rows kept the batch that just left at so many: it filled it, or who is next didn't fit."""
        cap_rows, following = self.cap_rows(), next(iter(self._members), None)
        return rows + padding_rows >= cap_rows or (following is not None and rows + following.rows > cap_rows)

    def due_us(self) -> int:
        """When its next batch may leave: a full one at once, another after `batch_timeout_micros`."""
        timeout_us = self.policy.batch_timeout_micros
        if not timeout_us or self.is_full():
            return 0
        return next(iter(self._members)).enqueued_us + timeout_us

    def take(self, limit: int, alike_only: bool = False) -> list[Member]:
        """The first members that fit one batch, at most `limit`; with `alike_only`, while inputs equal the first's.

        At least one, even if it is over a cap by itself.
        """
        policy, cap_rows = self.policy, self.cap_rows()
        limit = min(limit, policy.max_batch_members)
        fits = self.rows <= cap_rows and self.nbytes <= policy.max_batch_bytes and len(self._members) <= limit
        if fits and not alike_only and not self.lengths_differ:
            return self.empty()
        taken = self._first(cap_rows, limit, alike_only)
        for member in taken:
            self.remove(member)
        return taken

    def empty(self) -> list[Member]:
        """Everyone."""
        taken = list(self._members)
        self._members.clear()
        self.rows = self.nbytes = 0
        for member in taken:
            member.holder = None
        return taken

    def _first(self, cap_rows: int, limit: int, alike_only: bool) -> list[Member]:
        """Those of `take`, who are still there."""
        policy = self.policy
        members = iter(self._members)
        first = next(members)
        taken, rows, nbytes = [first], first.rows, first.nbytes
        widening = Widening(first) if self.lengths_differ else None
        for member in members:
            rows += member.rows
            nbytes = nbytes + member.nbytes if widening is None else widening.with_next(member)
            if rows > cap_rows or nbytes > policy.max_batch_bytes or len(taken) >= limit:
                break
            if alike_only and differ(first, member):
                break
            taken.append(member)
            if widening is not None:
                widening.add(member, nbytes)
        return taken

    def is_mixed(self, limit: int) -> bool:
        """Whether the first `limit` members' inputs differ."""
        first = next(iter(self._members))
        return any(differ(first, member) for member in islice(self._members, limit))

    def equal_lengths(self) -> int:
        """How many members, from the first on, need no padding to be joined; as many as a batch may have at most."""
        first, count = next(iter(self._members)), 0
        for member in islice(self._members, self.policy.max_batch_members):
            if lengths_differ(first, member):
                break
            count += 1
        return count

    def repeated_rows(self) -> int:
        """Of how many rows the first one's are repetitions."""
        return repeated_rows(next(iter(self._members)))

    def expired(self, now_us: int) -> list[Member]:
        """Members whose callers' deadlines have passed; they stay until removed."""
        return [member for member in self._members if member.deadline_us <= now_us]

    def earliest_deadline_us(self) -> int:
        """Of its members; there is at least one."""
        return min([member.deadline_us for member in self._members])
