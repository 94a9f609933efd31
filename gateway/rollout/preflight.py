"""Everything that must hold before a rollout may start, every problem at once. Reads, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.rollout import models_config
from gateway.rollout.models_config import UnfitModelsConfig
from gateway.rollout.plan import (
    DEFAULT_ERROR_MARGIN_RATIO,
    DEFAULT_HOLD_S,
    DEFAULT_STEPS_PERCENT,
    InvalidPlan,
    Plan,
    plan_problems,
)
from gateway.rollout.ports import Mode, Ports
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.state import RolloutState


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks for; the version to leave is the promoted one."""

    model: str
    to_version: int
    steps_percent: tuple[float, ...] = DEFAULT_STEPS_PERCENT
    hold_s: float = DEFAULT_HOLD_S
    error_margin_ratio: float = DEFAULT_ERROR_MARGIN_RATIO
    keep_old: bool = False


@dataclass(frozen=True, slots=True)
class Cleared:
    """A wish that may start."""

    plan: Plan
    added: bool  # models_config lacks the new version


def preflight(wish: Wish, ports: Ports, last: RolloutState | None) -> Cleared:
    """`last`: this model's last rollout, if any. Raises: Refused."""
    problems = plan_problems(wish.model, wish.to_version, wish.steps_percent, wish.hold_s, wish.error_margin_ratio)
    if problems:
        raise Refused(Cause.INVALID, problems)
    mode = ports.mode(wish.model)
    if mode is None:
        raise Refused(
            Cause.UNKNOWN, [f"model {wish.model}: the gateway has no such model; `tidegate status` lists them"]
        )
    problems = _model_problems(wish.model, mode, last)
    path = ports.models_config_path(wish.model)
    if path is None:
        problems.append(
            f"model {wish.model}: its upstream has no models_config; set it in gateway.yaml to the file that the model"
            " servers were started with (--model_config_file)"
        )
    from_version = ports.promoted_version(wish.model)
    if from_version is None:
        problems.append(
            f"model {wish.model}: no version is promoted yet, since none is AVAILABLE at a replica; wait for one"
        )
    if problems or path is None or from_version is None:
        raise Refused(Cause.NOT_NOW, problems)
    plan = _plan(wish, from_version)
    return Cleared(plan, added=_check_file(path, plan))


def _model_problems(model: str, mode: Mode, last: RolloutState | None) -> list[str]:
    problems = []
    if mode is Mode.FOLLOW:
        problems.append(
            f"model {model}: versions is follow, so its versions move by themselves;"
            " set versions: managed in gateway.yaml"
        )
    if last is not None and not last.phase.finished:
        problems.append(
            f"model {model}: a rollout to version {last.plan.to_version} is {last.phase};"
            f" wait for it, or `tidegate rollout abort {model}`"
        )
    return problems


def _plan(wish: Wish, from_version: int) -> Plan:
    try:
        return Plan(
            wish.model,
            from_version,
            wish.to_version,
            wish.steps_percent,
            wish.hold_s,
            wish.error_margin_ratio,
            wish.keep_old,
        )
    except InvalidPlan as error:
        raise Refused(Cause.INVALID, error.problems) from error


def _check_file(path: Path, plan: Plan) -> bool:
    """True when the new version must be added to the file. Raises: Refused."""
    try:
        text = path.read_text(encoding="utf-8")
        versions = models_config.specific_versions(text, plan.model)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(Cause.NOT_NOW, [f"{path}: cannot be read: {error}"]) from error
    except UnfitModelsConfig as error:
        raise Refused(Cause.NOT_NOW, [f"{path}: {problem}" for problem in error.problems]) from error
    problems = []
    if plan.from_version not in versions:
        problems.append(
            f"version {plan.from_version} of model {plan.model} is promoted but not in it (it has {list(versions)})"
        )
    elif not plan.keep_old:
        with_new = models_config.edit(text, plan.model, add={plan.to_version})
        problems += models_config.edit_problems(with_new, plan.model, {plan.from_version})
    problems += _folder_problems(Path(models_config.base_path(text, plan.model)), plan)
    if problems:
        raise Refused(Cause.NOT_NOW, [f"{path}: {problem}" for problem in problems])
    return plan.to_version not in versions


def _folder_problems(base: Path, plan: Plan) -> list[str]:
    """A missing version directory, if this machine sees the model servers' own base path (it shows the old version)."""
    try:
        versions = {int(entry.name) for entry in base.iterdir() if entry.name.isascii() and entry.name.isdigit()}
    except OSError:  # the path is the model servers' own; not seeing it from here is usual
        return []
    if plan.from_version not in versions or plan.to_version in versions:
        return []
    return [f"base path {base} has no version {plan.to_version}; it has {sorted(versions)}"]
