"""What to load or unload next, so that a model never loses its last ready version too early. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Stage(enum.Enum):
    """Where the manager is with one version."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One managed version; `aspired` says that the policy wants it."""

    version: int
    stage: Stage
    aspired: bool


@dataclass(frozen=True, slots=True)
class Load:
    """Load this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload this version."""

    version: int


def next_action(versions: Sequence[Snapshot]) -> Load | Unload | None:
    """The next step for one model, by TensorFlow Serving's availability-preserving policy.

    A ready version that nobody wants goes only if no version is wanted, or a wanted one is ready, or another
    unwanted one stays ready; the lowest goes first. Then the highest new wanted version is loaded.
    """
    wanted = [v for v in versions if v.aspired]
    wanted_ready = any(v.stage is Stage.READY for v in wanted)
    spare = [v.version for v in versions if not v.aspired and v.stage is Stage.READY]
    if spare and (not wanted or wanted_ready or len(spare) > 1):
        return Unload(min(spare))
    new = [v.version for v in wanted if v.stage is Stage.NEW]
    return Load(max(new)) if new else None
