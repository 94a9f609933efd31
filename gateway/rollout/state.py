"""Where a rollout stands: the part that outlives the gateway, and what only this run of it remembers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gateway.rollout.judge import NONE_YET, Counts
from gateway.rollout.plan import Plan


class Phase(enum.StrEnum):
    LOADING = "loading"  # the new version beside the old one, on every replica
    STEPPING = "stepping"  # users move to the new version, step by step
    UNLOADING = "unloading"  # the new version is promoted; the old one drains and goes
    PROMOTED = "promoted"
    ABORTING = "aborting"  # users are back on the old version; the new one drains and goes
    ABORTED = "aborted"

    @property
    def finished(self) -> bool:
        return self in (Phase.PROMOTED, Phase.ABORTED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Within the phase, in this run of the gateway only; points are monotonic microseconds."""

    since_us: int | None = None  # None: set by the first observation
    baseline: tuple[Counts, Counts] | None = None  # totals of (new, old) when the step began
    reference: Counts = NONE_YET  # the old version's counts in the last step that had enough of them
    stale: frozenset[str] | None = None  # replicas whose load error is from before the rollout; None: not looked yet
    reloading: bool = False  # unloading and aborting: drained, the configuration is on its way


@dataclass(frozen=True, slots=True)
class RolloutState:
    plan: Plan
    phase: Phase
    step_index: int  # in plan.steps_percent; means something from STEPPING on
    reason: str  # why the phase is what it is, in words
    added: bool  # this rollout put the new version into models_config, so an abort takes it out again
    started_unix_s: float
    updated_unix_s: float
    progress: Progress = Progress()

    @property
    def percent(self) -> float:
        """Of the users of the version promoted before, how many the new version serves."""
        match self.phase:
            case Phase.STEPPING:
                return self.plan.steps_percent[self.step_index]
            case Phase.UNLOADING | Phase.PROMOTED:
                return 100.0
            case Phase.LOADING | Phase.ABORTING | Phase.ABORTED:
                return 0.0
