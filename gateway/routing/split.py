"""From a split key to an arm: a fixed ring of 10,000 slots, laid out so that new weights move only the users they must.

Theory of operation. A key falls into one of 10,000 slots by blake2b(salt, key): the same on every machine, in every
process. The slots are dealt to the arms once, when the split is built:

* arms[0] is the base and owns whatever the others leave;
* every further arm has an anchor on the ring, fixed by its position alone, and takes free slots upward from there.
  The anchors are the bit-reversal (van der Corput) sequence 0, 1/2, 1/4, 3/4, 1/8, ... which leaves each arm room.

So an arm that grows takes slots from the base at its far end and an arm that shrinks gives them back there; nobody else
moves. That holds exactly for two arms, and for more as long as no arm reaches the next one's anchor; an arm that does
walks over the slots already taken. Appending an arm moves no other anchor, so give new arms the last place and leave an
arm that is no longer wanted at weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

SLOTS: Final = 10_000  # one slot is 0.01 percent
MAX_ARMS: Final = 64  # arm names are metric labels: bounded


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a split. `version` None follows the model's promoted version, and so a rollout's ramp."""

    name: str
    weight_percent: float
    version: int | None = None


def slots_of(weight_percent: float) -> int:
    """The number of slots a weight stands for. Raises: ValueError when it is negative, above 100 or finer than 0.01."""
    slots = round(weight_percent * 100) if 0 <= weight_percent <= 100 else -1
    if slots < 0 or abs(slots - weight_percent * 100) > 1e-6:
        raise ValueError(f"weight_percent: {weight_percent:g} is not between 0 and 100 in steps of 0.01")
    return slots


def anchor_of(position: int) -> int:
    """The first slot of the arm at `position` (1, 2, ...; the base at 0 has none): bit reversal of position - 1."""
    index, numerator, denominator = position - 1, 0, 1
    while index:
        numerator, denominator, index = numerator * 2 + index % 2, denominator * 2, index // 2
    return SLOTS * numerator // denominator


class Ring:
    """The hash from keys to slots in one domain, which is mixed in once beforehand. Never changed after it is built."""

    __slots__ = ("_salted",)

    def __init__(self, domain: bytes) -> None:
        self._salted = blake2b(domain, digest_size=8)

    def bucket(self, key: bytes) -> int:
        """The key's slot, 0 .. 9,999."""
        hashed = self._salted.copy()
        hashed.update(key)
        return int.from_bytes(hashed.digest(), "big") % SLOTS


def deal_slots(weights: tuple[int, ...]) -> bytes:
    """slot -> arm position, one byte each; `weights` are in slots and sum to 10,000."""
    table = bytearray(SLOTS)  # position 0: the base owns what is left
    for position, wanted in enumerate(weights[1:], start=1):
        slot = anchor_of(position)
        if table.count(0, slot, slot + wanted) == wanted:  # its own room is free: the common case, at once
            table[slot : slot + wanted] = bytes([position]) * wanted
            continue
        for _ in range(wanted):
            slot = table.find(0, slot)
            slot = table.find(0) if slot < 0 else slot  # past the top of the ring: on from its start
            table[slot] = position
    return bytes(table)


@dataclass(frozen=True, slots=True)
class Split:
    """How the users of one model are shared among arms. Raises: ValueError, naming the field that is wrong."""

    salt: str
    arms: tuple[Arm, ...]
    slots: bytes = field(init=False, repr=False, compare=False)  # slot -> position in `arms`
    ring: Ring = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if "\0" in self.salt:
            raise ValueError("salt: must not contain NUL")
        if not 1 <= len(self.arms) <= MAX_ARMS:
            raise ValueError(f"arms: got {len(self.arms)}, wanted 1 to {MAX_ARMS}")
        names = [arm.name for arm in self.arms]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"arms: names must differ, got {', '.join(repeated)} more than once")
        weights = tuple(slots_of(arm.weight_percent) for arm in self.arms)
        if sum(weights) != SLOTS:
            raise ValueError(f"weights sum to {sum(weights) / 100:g}, must sum to 100")
        object.__setattr__(self, "slots", deal_slots(weights))
        object.__setattr__(self, "ring", Ring(self.salt.encode() + b"\0"))

    def position(self, key: bytes) -> int:
        """Position in `arms` of the arm that owns the key."""
        return self.slots[self.ring.bucket(key)]
