"""The rollout as a pure state machine: (state, event, now) -> (state, commands).

Ways: loading -> stepping -> unloading -> promoted, and from loading or stepping -> aborting -> aborted. State is
persisted before it is acted on, with one exception: an abort takes users off the new version first. Killed in
between, the gateway resumes the step and judges again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from gateway.rollout import leaving, loading
from gateway.rollout.events import (
    AbortAsked,
    Command,
    Event,
    Observed,
    Persist,
    PokeWatch,
    PromoteAsked,
    Reload,
    Resumed,
    RoutingCommand,
    SetPromoted,
    SetRamp,
    Troubled,
    WriteModelsConfig,
)
from gateway.rollout.judge import MIN_CALLS_TO_ABORT, Counts, Verdict, judge
from gateway.rollout.plan import Plan
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.state import Phase, Progress, RolloutState

Next = tuple[RolloutState, tuple[Command, ...]]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the machine waits for the world. Raises: ValueError naming a field that is not above 0."""

    load_timeout_s: float = 600.0  # TensorFlow Serving tries a load 5 more times, a minute apart
    unseen_timeout_s: float = 60.0  # until some replica names the new version at all
    stale_grace_s: float = 10.0  # a load error from before the rollout is believed after this long
    drain_timeout_s: float = 30.0
    unload_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for field in self.__slots__:
            if not getattr(self, field) > 0:
                raise ValueError(f"{field}: {getattr(self, field)} must be more than 0 seconds")


def begin(plan: Plan, *, added: bool, seen: Observed, now_us: int, unix_s: float) -> Next:
    """Start: `seen` is the world before anything is done; `added`, whether models_config lacks the new version."""
    progress = Progress(since_us=now_us, stale=loading.failed_addresses(seen))
    reason = f"loading version {plan.to_version} beside version {plan.from_version}"
    state = RolloutState(plan, Phase.LOADING, 0, reason, added, unix_s, unix_s, progress)
    return state, (Persist(), *_load(plan))


def reapply(state: RolloutState) -> tuple[RoutingCommand, ...]:
    """What the route table must hold for this state; for a gateway that just started."""
    match state.phase:
        case Phase.UNLOADING | Phase.PROMOTED:
            return (SetPromoted(state.plan.to_version),)
        case Phase.STEPPING:
            return SetPromoted(state.plan.from_version), SetRamp(state.plan.to_version, state.percent)
        case Phase.LOADING | Phase.ABORTING | Phase.ABORTED:
            return (SetPromoted(state.plan.from_version),)
        case _:
            assert_never(state.phase)


def advance(state: RolloutState, event: Event, now_us: int, timing: Timing) -> Next:
    """One step of the machine. Raises: Refused when an operator's verb does not fit the phase."""
    match event:
        case Observed():
            return _observed(state, event, now_us, timing)
        case Resumed():
            fresh = replace(state, progress=Progress())
            return fresh, _load(state.plan) if state.phase in (Phase.LOADING, Phase.STEPPING) else ()
        case AbortAsked():
            _refuse_unless(state, "abort", Phase.LOADING, Phase.STEPPING)
            return _abort(state, "aborted by the operator", now_us)
        case PromoteAsked():
            _refuse_unless(state, "promote", Phase.STEPPING)
            return _promote(state, f"promoted by the operator at {state.percent:g} %", now_us)
        case Troubled():
            return _troubled(state, event.words, now_us)
        case _:
            assert_never(event)


def _observed(state: RolloutState, seen: Observed, now_us: int, timing: Timing) -> Next:
    if state.progress.since_us is None:
        state = replace(state, progress=replace(state.progress, since_us=now_us))
    match state.phase:
        case Phase.LOADING:
            return _loading(state, seen, now_us, timing)
        case Phase.STEPPING:
            return _stepping(state, seen, now_us, timing)
        case Phase.UNLOADING | Phase.ABORTING:
            return leaving.leave(state, seen, now_us, timing.drain_timeout_s, timing.unload_timeout_s)
        case Phase.PROMOTED | Phase.ABORTED:
            return state, ()
        case _:
            assert_never(state.phase)


def _loading(state: RolloutState, seen: Observed, now_us: int, timing: Timing) -> Next:
    state, failure = _load_failure(state, seen, now_us, timing)
    failure = failure or loading.refusal(seen)
    if failure:
        return _abort(state, failure, now_us)
    missing = loading.missing(seen)
    if not missing:
        return _step(state, 0, "loaded on every replica that is up", seen, now_us)
    elapsed_s = _elapsed_s(state, now_us)
    if elapsed_s >= timing.load_timeout_s:
        return _abort(state, f"not loaded within {timing.load_timeout_s:g} s: {'; '.join(missing)}", now_us)
    if elapsed_s >= timing.unseen_timeout_s and loading.unseen(seen):
        version = state.plan.to_version
        words = (
            f"no replica has seen version {version} for {timing.unseen_timeout_s:g} s: is there a directory {version}?"
        )
        return _abort(state, words, now_us)
    words = f"waiting for version {state.plan.to_version}: {'; '.join(missing)}"
    return replace(state, reason=words), (PokeWatch(),)


def _stepping(state: RolloutState, seen: Observed, now_us: int, timing: Timing) -> Next:
    state, failure = _load_failure(state, seen, now_us, timing)
    if failure:
        return _abort(state, failure, now_us)
    if state.progress.baseline is None:  # resumed: the step begins anew
        return replace(state, progress=replace(state.progress, since_us=now_us, baseline=(seen.new, seen.old))), ()
    new, old = _step_counts(state, seen)
    plan = state.plan
    reference = old if old.calls >= MIN_CALLS_TO_ABORT else state.progress.reference
    judgement = judge(
        new, reference if reference.calls else old, _elapsed_s(state, now_us), plan.hold_s, plan.error_margin_ratio
    )
    words = f"at {state.percent:g} %: {judgement.words}"
    match judgement.verdict:
        case Verdict.HOLD:
            return replace(state, reason=words), ()
        case Verdict.ABORT:
            return _abort(state, words, now_us)
        case Verdict.ADVANCE:
            state = replace(state, progress=replace(state.progress, reference=reference))
            return _onward(state, words, seen, now_us, timing)
        case _:
            assert_never(judgement.verdict)


def _onward(state: RolloutState, words: str, seen: Observed, now_us: int, timing: Timing) -> Next:
    """The next step or promotion, but not while a replica that is up lacks the version: it may just have come back."""
    missing = loading.missing(seen)
    if missing and _elapsed_s(state, now_us) < state.plan.hold_s + timing.load_timeout_s:
        return replace(state, reason=f"{words}; waiting: {'; '.join(missing)}"), (PokeWatch(),)
    if missing:
        return _abort(
            state, f"{words}; then not loaded within {timing.load_timeout_s:g} s: {'; '.join(missing)}", now_us
        )
    if state.step_index + 1 < len(state.plan.steps_percent):
        return _step(state, state.step_index + 1, words, seen, now_us)
    return _promote(state, words, now_us)


def _load_failure(state: RolloutState, seen: Observed, now_us: int, timing: Timing) -> tuple[RolloutState, str]:
    """The load error of a replica, if one is to be believed: told again since, or standing for long."""
    failed = loading.failed_addresses(seen)
    before = failed if state.progress.stale is None else state.progress.stale
    stale = before & failed
    state = replace(state, progress=replace(state.progress, stale=stale))
    if _elapsed_s(state, now_us) >= timing.stale_grace_s:
        stale = frozenset()
    return state, loading.failure_words(seen, failed - stale, state.plan.to_version)


def _step(state: RolloutState, index: int, reason: str, seen: Observed, now_us: int) -> Next:
    progress = replace(state.progress, since_us=now_us, baseline=(seen.new, seen.old))
    state = replace(state, phase=Phase.STEPPING, step_index=index, reason=reason, progress=progress)
    return state, (Persist(), SetRamp(state.plan.to_version, state.percent))


def _promote(state: RolloutState, reason: str, now_us: int) -> Next:
    state = replace(state, phase=Phase.UNLOADING, reason=reason, progress=Progress(since_us=now_us))
    return state, (Persist(), SetPromoted(state.plan.to_version))


def _abort(state: RolloutState, reason: str, now_us: int) -> Next:
    state = replace(state, phase=Phase.ABORTING, reason=reason, progress=Progress(since_us=now_us))
    return state, (SetRamp(state.plan.to_version, 0.0), Persist())


def _troubled(state: RolloutState, words: str, now_us: int) -> Next:
    """A command failed: go back if that is still possible, else stay where users are and say so."""
    match state.phase:
        case Phase.LOADING | Phase.STEPPING:
            return _abort(state, words, now_us)
        case Phase.ABORTING:
            state = replace(state, phase=Phase.ABORTED, reason=f"{state.reason}; then {words}")
            return state, (SetRamp(state.plan.to_version, 0.0), Persist())
        case Phase.UNLOADING:
            state = replace(state, phase=Phase.PROMOTED, reason=f"{state.reason}; then {words}")
            return state, (SetPromoted(state.plan.to_version), Persist())
        case Phase.PROMOTED | Phase.ABORTED:
            return replace(state, reason=f"{state.reason}; then {words}"), ()
        case _:
            assert_never(state.phase)


def _load(plan: Plan) -> tuple[Command, ...]:
    return WriteModelsConfig(add=frozenset({plan.to_version})), Reload(), PokeWatch()


def _step_counts(state: RolloutState, seen: Observed) -> tuple[Counts, Counts]:
    new, old = state.progress.baseline or (seen.new, seen.old)
    return seen.new.since(new), seen.old.since(old)


def _elapsed_s(state: RolloutState, now_us: int) -> float:
    since_us = state.progress.since_us
    return 0.0 if since_us is None else (now_us - since_us) / 1e6


def _refuse_unless(state: RolloutState, verb: str, *phases: Phase) -> None:
    if state.phase in phases:
        return
    plan = state.plan
    match state.phase:
        case Phase.LOADING:
            then = f"version {plan.to_version} is not loaded everywhere yet; wait, or abort"
        case Phase.UNLOADING | Phase.PROMOTED:
            back = f"to go back, start a rollout to version {plan.from_version}"
            then = f"version {plan.to_version} is promoted already; {back}"
        case Phase.ABORTING | Phase.ABORTED:
            then = f"it is aborted already ({state.reason})"
        case Phase.STEPPING:
            then = "it is stepping"
    raise Refused(Cause.NOT_NOW, [f"cannot {verb} the rollout of {plan.model} in phase {state.phase}: {then}"])
