"""What the gateway knows of one replica: whether it is up, which versions it has, how many calls it holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.upstream.connection import Connection

AVAILABLE = 30
END = 50


class VersionState(NamedTuple):
    """A version's state number (ModelVersionStatus.State) and, if loading it failed, why."""

    state: int
    error: str = ""


NO_STATES: Mapping[int, VersionState] = MappingProxyType({})
NO_VERSIONS: frozenset[int] = frozenset()


def _nobody_watches() -> None:
    """The poke of a replica that no watcher has taken up yet."""


class Replica:
    """Written by the watcher (up, states) and the pool (in_flight, suspects_out); read by everyone."""

    __slots__ = ("_available", "_states", "address", "connection", "in_flight", "in_use", "poke", "suspects_out", "up")

    def __init__(self, address: str, connection: Connection) -> None:
        self.address = address
        self.connection = connection
        self.up = False
        self.in_use = True  # False once the name no longer resolves to it: finishes its calls, takes no new ones
        self.in_flight = 0
        self.suspects_out = 0
        self.poke: Callable[[], None] = _nobody_watches  # asks the watcher to look again at once
        self._states: dict[str, Mapping[int, VersionState]] = {}
        self._available: dict[str, frozenset[int]] = {}

    def learn(self, model: str, states: Mapping[int, VersionState]) -> bool:
        """Take over what the replica said of a model; True when the set of AVAILABLE versions changed."""
        self._states[model] = states
        available = frozenset(version for version, state in states.items() if state.state == AVAILABLE)
        changed = available != self._available.get(model, NO_VERSIONS)
        self._available[model] = available
        return changed

    def forget(self, model: str, version: int) -> None:
        """The replica said NOT_FOUND for a version thought AVAILABLE: not routed to until the watcher says so again."""
        self._available[model] = self.available(model) - {version}
        self.poke()

    def lost(self) -> None:
        """The connection broke: nothing is known until the watcher reaches it again."""
        self.up = False
        self._states.clear()
        self._available.clear()
        self.poke()

    def drop(self, model: str) -> None:
        """Forget a model that turned out not to exist: clients choose names, memory must not."""
        self._states.pop(model, None)
        self._available.pop(model, None)

    def available(self, model: str) -> frozenset[int]:
        return self._available.get(model, NO_VERSIONS)

    def states(self, model: str) -> Mapping[int, VersionState]:
        return self._states.get(model, NO_STATES)

    def serves(self, model: str, version: int | None) -> bool:
        """Whether a call for the version may go here; None asks only that the replica is up."""
        return self.up and self.in_use and (version is None or version in self._available.get(model, NO_VERSIONS))


def less_busy(candidates: list[Replica], chance: random.Random) -> Replica:
    """The one with fewer calls in flight of two picked at random (Mitzenmacher, The Power of Two Choices, 2001)."""
    if len(candidates) == 1:
        return candidates[0]
    first, second = two_of(candidates, chance)
    return first if first.in_flight <= second.in_flight else second


def two_of(candidates: list[Replica], chance: random.Random) -> tuple[Replica, Replica]:
    """Two different ones of two or more, every ordered pair as likely as any other."""
    others = len(candidates) - 1
    first, second = divmod(int(chance.random() * (others * (others + 1))), others)
    return candidates[first], candidates[second + (second >= first)]


def highest_common(replicas: Iterable[Replica], model: str, current: int | None) -> int | None:
    """The version that clients of a `follow` model see; `current` is the one they see now.

    The highest AVAILABLE on every replica that is up. With none in common, the current one as long as any replica has
    it: a newer one that few have would have to carry everyone. Else the highest AVAILABLE anywhere: TensorFlow
    Serving's `latest` policy unloads the old version by itself, so waiting would fail calls.
    """
    having = [replica.available(model) for replica in replicas if replica.up and replica.in_use]
    having = [versions for versions in having if versions]
    if not having:
        return None
    common, anywhere = frozenset.intersection(*having), frozenset.union(*having)
    return max(common) if common else current if current in anywhere else max(anywhere)
