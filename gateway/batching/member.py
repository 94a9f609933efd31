"""One caller's share of a batch, wherever it is: waiting in a lane, in half of a failed join, or on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.call import Call, Headers
from gateway.errors import Failure
from gateway.wire.tensor import Features, Values


class Holder(Protocol):
    """Where a member is."""

    def drop(self, member: Member, cancelled: bool) -> None:
        """Let go of it: nobody waits for its answer. `cancelled`: its caller left, which is counted."""


class Member:
    """`rows` rows, `nbytes` of `values`, of which each has its entry in `features`; `headers` go out with its answer.

    `owner` is for whoever runs it alone. `holder` is where it waits or travels, None before and after. `whole` is the
    request that it is piece number `index` of, None for one that came as it is.
    """

    __slots__ = (
        "call", "deadline_us", "enqueued_us", "features", "headers", "holder", "index", "nbytes", "owner", "rows",
        "values", "whole",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        values: Values,
        features: Features,
        rows: int,
        nbytes: int,
        headers: Headers = (),
        owner: object = None,
    ) -> None:
        self.call = call
        self.owner = owner
        self.values = values
        self.features = features
        self.rows = rows
        self.nbytes = nbytes
        self.headers = headers
        self.deadline_us = call.deadline.at_us
        self.enqueued_us = 0
        self.holder: Holder | None = None
        self.whole: Whole | None = None
        self.index = 0

    def left(self) -> None:
        """Its call ended. That is news unless its own answer ended it."""
        holder = self.holder
        if holder is not None:
            self.holder = None
            holder.drop(self, True)

    def reply(self, message: bytes) -> None:
        """Its rows are answered."""
        whole = self.whole
        if whole is None:
            self.call.reply(message, self.headers)
        else:
            whole.piece_answered(self.index, message)

    def fail(self, failure: Failure) -> None:
        """Its call ends with this failure; a piece takes the other pieces along."""
        self.call.fail(failure, self.headers)


class Whole(Protocol):
    """A request that travels in pieces (gateway.batching.split)."""

    def piece_answered(self, index: int, reply: bytes) -> None:
        """The last piece's answer ends the call."""

    def give_up(self) -> Member | None:
        """The pieces are gone, the request is to run as it came; None if its call has ended or that is under way."""


def differ(first: Member, second: Member) -> bool:
    """Whether their inputs differ."""
    return first.values != second.values or first.features != second.features


def lengths_differ(first: Member, second: Member) -> bool:
    """Whether one must be padded to be joined with the other. Mostly they share one `features`."""
    return first.features is not second.features and first.features != second.features


def repeated_rows(member: Member) -> int:
    """Of how many rows its rows are repetitions: 1 if they are all the same, else all it has."""
    rows = member.rows
    for data in member.values:
        if rows > 1 and data != data[: len(data) // rows] * rows:
            return rows
    return 1


def unlike(members: Sequence[Member]) -> bool:
    """Whether any one's inputs differ from the first's."""
    first = members[0]
    for member in members:  # noqa: SIM110 -- a generator costs more
        if differ(first, member):
            return True
    return False
