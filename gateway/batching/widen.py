"""Members of different lengths in one joined call (pad_variable_length_inputs): how wide, and how large they become."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.batching.member import Member
from gateway.wire.pad import MOST_STEPS, NEVER_BYTES, pad_values, padded_bytes, padding_steps, widest
from gateway.wire.tensor import Features, Values


class Widening:
    """The members of one joined call to be, one after the other; `nbytes` are what all their values take, padded.

    One long row makes every row as long: its members must not be chosen by the bytes they came with.
    """

    __slots__ = ("_members", "_next_steps", "_steps", "features", "nbytes")

    def __init__(self, first: Member) -> None:
        self.features = first.features
        self.nbytes = first.nbytes
        self._members = [first]
        self._steps = self._next_steps = 0  # of padding, so far and with the member asked about last

    def with_next(self, member: Member) -> int:
        """Bytes of all if `member` joined them; NEVER_BYTES where padding all would take the loop too long."""
        features = widest((self.features, member.features))
        others = self._members if features != self.features else []  # whom it makes wider
        self._next_steps = 0 if others else self._steps
        nbytes = 0 if others else self.nbytes
        for each in (*others, member):
            self._next_steps += padding_steps(each.features, features, each.rows)
            if self._next_steps > MOST_STEPS:
                return NEVER_BYTES
            nbytes += padded_bytes(each.features, features, each.values, each.rows)
        return nbytes

    def add(self, member: Member, nbytes: int) -> None:
        """It joins them; `nbytes` is what `with_next` said."""
        if member.features != self.features:
            self.features = widest((self.features, member.features))
        self.nbytes, self._steps = nbytes, self._next_steps
        self._members.append(member)


def widened(members: Sequence[Member]) -> tuple[Features, list[Values]]:
    """What they have in common, and each one's values padded to it."""
    features = widest([member.features for member in members])
    return features, [
        member.values
        if member.features == features
        else pad_values(member.features, features, member.values, member.rows)
        for member in members
    ]
