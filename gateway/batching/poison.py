"""Lanes in which joined calls fail often of a member's fault: they run unjoined for a while.

Each such failure costs everyone in the batch a few more round trips. A failed join counts WEIGHT, one that was answered
takes 1 away: more than one in five, and joining is left off for BACK_OFF_US, doubled each time up to
MAX_BACK_OFF_US. After that the next culprit is enough to leave it off again; as many answered joins as it takes to
bring the count to nothing make all forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gateway.batching.key import LaneKey

WEIGHT: Final = 4
THRESHOLD: Final = 3 * WEIGHT
BACK_OFF_US: Final = 1_000_000
MAX_BACK_OFF_US: Final = 60_000_000
MAX_LANES: Final = 1024


class Poison:
    """What is known of one lane; `until_us` is when it is joined again, 0 if it never was left off."""

    __slots__ = ("back_off_us", "count", "until_us")

    def __init__(self) -> None:
        self.count = 0
        self.back_off_us = BACK_OFF_US
        self.until_us = 0


class Poisons:
    """By lane, bounded: whose last failure is longest ago is forgotten first."""

    __slots__ = ("_lanes",)

    def __init__(self) -> None:
        self._lanes: OrderedDict[LaneKey, Poison] = OrderedDict()

    def __len__(self) -> int:
        return len(self._lanes)

    def is_off(self, key: LaneKey, now_us: int) -> bool:
        """Whether its calls run unjoined now."""
        poison = self._lanes.get(key)
        return poison is not None and now_us < poison.until_us

    def culprit_found(self, key: LaneKey, now_us: int) -> bool:
        """A member made a joined call fail. True if the lane is off from now on."""
        poison = self._lanes.pop(key, None) or Poison()
        if len(self._lanes) >= MAX_LANES:
            self._lanes.popitem(last=False)
        self._lanes[key] = poison
        if now_us < poison.until_us:
            return False  # of a call that was out when it went off
        poison.count = min(poison.count + WEIGHT, THRESHOLD)
        if poison.count < THRESHOLD:
            return False
        poison.until_us = now_us + poison.back_off_us
        poison.back_off_us = min(2 * poison.back_off_us, MAX_BACK_OFF_US)
        poison.count = THRESHOLD - 1
        return True

    def answered(self, key: LaneKey) -> None:
        """A joined call of this lane was answered. Called for each, so look at `len` first: mostly nobody is here."""
        poison = self._lanes.get(key)
        if poison is not None:
            poison.count -= 1
            if poison.count <= 0:
                del self._lanes[key]

    def off(self, now_us: int) -> list[tuple[LaneKey, int]]:
        """Who runs unjoined now, and for how many microseconds more."""
        return [(key, poison.until_us - now_us) for key, poison in self._lanes.items() if now_us < poison.until_us]
