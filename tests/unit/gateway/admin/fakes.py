"""Rollouts of one model in memory, moved by hand."""

from __future__ import annotations

from dataclasses import replace

from gateway.rollout.plan import Plan
from gateway.rollout.preflight import Wish
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.state import Phase, RolloutState


class FakeRollouts:
    """Knows the model `digits` at version 1; implements gateway.admin.service.Rollouts.

    A started rollout goes one phase further each time it is looked at, along `path`.
    """

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.state: RolloutState | None = None
        self.path: list[Phase] = []
        self.told: tuple[str, ...] = ()

    async def begin(self, wish: Wish) -> RolloutState:
        self.wishes.append(wish)
        if wish.model != "digits":
            raise Refused(Cause.UNKNOWN, [f"model {wish.model}: the gateway has no such model"])
        if wish.hold_s <= 0:
            raise Refused(Cause.INVALID, ["hold_s: must be more than 0", "something else"])
        if self.state is not None and not self.state.phase.finished:
            raise Refused(Cause.NOT_NOW, ["model digits: a rollout to version 3 is stepping"])
        plan = Plan(
            wish.model,
            1,
            wish.to_version,
            wish.steps_percent,
            wish.hold_s,
            wish.error_margin_ratio,
            wish.keep_old,
        )
        self.state = RolloutState(plan, Phase.LOADING, 0, "loading", True, 100.0, 101.0)
        return self.state

    async def abort(self, model: str) -> RolloutState:
        return self._to(model, Phase.ABORTING, "aborted by the operator")

    async def promote(self, model: str) -> RolloutState:
        return self._to(model, Phase.UNLOADING, "promoted by the operator")

    def _to(self, model: str, phase: Phase, reason: str) -> RolloutState:
        self.state = replace(self.get(model), phase=phase, reason=reason)
        return self.state

    def get(self, model: str) -> RolloutState:
        if self.state is None or model != "digits":
            raise Refused(Cause.UNKNOWN, [f"model {model}: no rollout of it was ever started here"])
        if self.path:
            phase = self.path.pop(0)
            self.state = replace(self.state, phase=phase, reason=f"now {phase}")
        return self.state

    def states(self) -> list[RolloutState]:
        return [] if self.state is None else [self.state]

    def problems(self) -> tuple[str, ...]:
        return self.told
