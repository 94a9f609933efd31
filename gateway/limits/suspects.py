"""Which calls may go on after a replica died under them (the query-of-death shield's second half).

A call in flight on a replica that died is a suspect. It is tried once more, alone among the suspects on its replica,
so when that replica dies too there is one culprit and no doubt. A call that saw two deaths is refused, and its
fingerprint (model, signature, dtypes, shapes) is blocked for a while, unless calls of the same fingerprint were
answered lately: then it isn't the shape that kills, and blocking it would shut out everyone (ADR 4).
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_DEATHS = 2
MAX_REMEMBERED = 1024


class Verdict(enum.Enum):
    """What to do with a call whose replica died."""

    RETRY_ALONE = "retry_alone"
    REFUSE = "refuse"
    REFUSE_AND_BLOCK = "refuse_and_block"


@dataclass(frozen=True)
class SuspectPolicy:
    """`block_s`: how long a killing fingerprint is refused. Raises: ValueError for a negative one."""

    block_s: float = 60.0

    def __post_init__(self) -> None:
        if self.block_s < 0:
            raise ValueError(f"suspect_block_s is {self.block_s:g}, must not be negative")


class SuspectRules:
    """Deaths, answers and blocks by fingerprint; bounded: the oldest is forgotten first."""

    __slots__ = ("_answered_us", "_block_us", "_blocked_until_us", "has_blocks", "vouch_every_us")

    def __init__(self, policy: SuspectPolicy) -> None:
        self.adopt(policy)
        self.has_blocks = False  # while nothing is blocked no fingerprint needs computing
        self._blocked_until_us: OrderedDict[Hashable, int] = OrderedDict()
        self._answered_us: OrderedDict[Hashable, int] = OrderedDict()

    def is_blocked(self, fingerprint: Hashable, now_us: int) -> bool:
        until_us = self._blocked_until_us.get(fingerprint)
        if until_us is None:
            return False
        if now_us >= until_us:
            del self._blocked_until_us[fingerprint]
            self.has_blocks = bool(self._blocked_until_us)
            return False
        return True

    def adopt(self, policy: SuspectPolicy) -> None:
        """Go by another policy from now on; blocks that stand keep their end."""
        self._block_us = int(policy.block_s * 1e6)
        self.vouch_every_us = self._block_us // 64

    def answered(self, fingerprint: Hashable, now_us: int) -> None:
        """A replica answered a call of this fingerprint and lived.

        Told of an answer in every `vouch_every_us`, as deaths come unannounced and a block lasts much longer.
        """
        _remember(self._answered_us, fingerprint, now_us)

    def judge(self, fingerprint: Hashable, deaths: int, now_us: int) -> Verdict:
        """`deaths`: how many replicas died while this very call was in flight, the last one included (>= 1)."""
        if deaths < MAX_DEATHS:
            return Verdict.RETRY_ALONE
        if self._vouched(fingerprint, now_us):
            return Verdict.REFUSE
        _remember(self._blocked_until_us, fingerprint, now_us + self._block_us)
        self.has_blocks = True
        return Verdict.REFUSE_AND_BLOCK

    def _vouched(self, fingerprint: Hashable, now_us: int) -> bool:
        """Whether a call like it was answered no longer ago than a block lasts."""
        answered_us = self._answered_us.get(fingerprint)
        return answered_us is not None and now_us - answered_us <= self._block_us


def _remember(table: OrderedDict[Hashable, int], key: Hashable, value: int) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_REMEMBERED:
        table.popitem(last=False)
