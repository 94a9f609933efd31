"""Channels that must stay or go together: a union-find over channel numbers, with the ones that must stay marked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]  # one number a channel of a tensor's last axis


class Channels:
    """Hands out channel numbers, ties them together, and remembers which may not be removed."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._protected: set[int] = set()

    def new(self, count: int) -> Ids:
        """Number `count` fresh channels, tied to nothing."""
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def tie(self, left: Ids, right: Ids) -> None:
        """Make channel i of one tensor and channel i of the other stay or go together."""
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            self._parent[self.root(a)] = self.root(b)

    def protect(self, ids: Ids) -> None:
        """Mark channels that must stay, and with them all that are tied to them, now or later."""
        self._protected.update(ids.tolist())

    def root(self, channel: int) -> int:
        """The one number that stands for all channels tied together."""
        while self._parent[channel] != channel:
            self._parent[channel] = self._parent[self._parent[channel]]
            channel = self._parent[channel]
        return channel

    def roots(self, ids: Ids) -> Ids:
        """The root of each channel, in order."""
        return np.array([self.root(channel) for channel in ids.tolist()], dtype=np.int64)

    def protected_roots(self) -> set[int]:
        """Roots of everything that must stay."""
        return {self.root(channel) for channel in self._protected}

    def kept(self, ids: Ids, removed_roots: Iterable[int]) -> npt.NDArray[np.bool_]:
        """Which of these channels stay when those roots go."""
        return ~np.isin(self.roots(ids), np.fromiter(removed_roots, dtype=np.int64))
