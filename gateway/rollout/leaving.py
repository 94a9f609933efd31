"""The end of a version that lost: wait until its calls ended, then take it out of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.rollout.events import AVAILABLE, Command, Observed, Persist, PokeWatch, Reload, Standing, WriteModelsConfig
from gateway.rollout.ports import VersionState
from gateway.rollout.state import Phase, RolloutState


@dataclass(frozen=True, slots=True)
class _Leaver:
    """The version that goes, and why it stays loaded after all ("" if it does not)."""

    version: int
    in_flight: int
    states: tuple[tuple[str, bool, VersionState | None], ...]  # (address, has the configuration, state)
    stays: str


def leave(
    state: RolloutState, seen: Observed, now_us: int, drain_timeout_s: float, unload_timeout_s: float
) -> tuple[RolloutState, tuple[Command, ...]]:
    """Unloading takes the old version out, aborting the new one. Every wait here ends by itself."""
    leaver = _leaver(state, seen)
    if leaver.stays:
        return _finish(state, f"version {leaver.version} stays loaded: {leaver.stays}")
    since_us = state.progress.since_us
    elapsed_s = 0.0 if since_us is None else (now_us - since_us) / 1e6
    if not state.progress.reloading:
        if leaver.in_flight and elapsed_s < drain_timeout_s:
            return state, ()
        progress = replace(state.progress, reloading=True, since_us=now_us)
        commands = (WriteModelsConfig(remove=frozenset({leaver.version})), Reload(), PokeWatch())
        return replace(state, progress=progress), commands
    refused = [
        f"{view.address}: {view.words}" for view in seen.replicas if view.up and view.standing is Standing.REFUSED
    ]
    if refused:
        return _finish(state, f"version {leaver.version} may stay loaded, the reload was refused: {'; '.join(refused)}")
    left = [address for address, has_it, version_state in leaver.states if not has_it or _serves(version_state)]
    if not left:
        return _finish(state, f"version {leaver.version} is unloaded")
    if elapsed_s >= unload_timeout_s:
        return _finish(
            state, f"version {leaver.version} is not unloaded within {unload_timeout_s:g} s at {', '.join(left)}"
        )
    return state, (PokeWatch(),)


def _leaver(state: RolloutState, seen: Observed) -> _Leaver:
    plan = state.plan
    up = [view for view in seen.replicas if view.up]
    if state.phase is Phase.UNLOADING:
        stays = "asked to keep it" if plan.keep_old else _pin(plan.from_version, seen)
        states = tuple((view.address, view.standing is Standing.ACKED, view.old) for view in up)
        return _Leaver(plan.from_version, seen.old_in_flight, states, stays)
    stays = _pin(plan.to_version, seen) if state.added else "it was before this rollout"
    states = tuple((view.address, view.standing is Standing.ACKED, view.new) for view in up)
    return _Leaver(plan.to_version, seen.new_in_flight, states, stays)


def _pin(version: int, seen: Observed) -> str:
    return "gateway.yaml names it in a split or label" if version in seen.pinned else ""


def _serves(version_state: VersionState | None) -> bool:
    return version_state is not None and version_state[0] == AVAILABLE


def _finish(state: RolloutState, words: str) -> tuple[RolloutState, tuple[Command, ...]]:
    phase = Phase.PROMOTED if state.phase is Phase.UNLOADING else Phase.ABORTED
    return replace(state, phase=phase, reason=f"{state.reason}; {words}"), (Persist(),)
