"""Rollout states as files, one a model: versioned JSON, strictly read, atomically replaced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.rollout.plan import InvalidPlan, Plan
from gateway.rollout.state import Phase, RolloutState

FOLDER = "rollouts"


class CorruptState(Exception):
    """The text is no rollout state of this format; the message says every reason."""


class _PlanRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    from_version: int
    to_version: int
    steps_percent: list[float]
    hold_s: float
    error_margin_ratio: float
    keep_old: bool


class _StateRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[1]
    plan: _PlanRecord
    phase: Literal["loading", "stepping", "unloading", "promoted", "aborting", "aborted"]
    step_index: int
    reason: str
    added: bool
    started_unix_s: float
    updated_unix_s: float


@dataclass(frozen=True, slots=True)
class Restored:
    """What a folder of states holds: by model, and one problem for each file that cannot be used."""

    states: Mapping[str, RolloutState]
    problems: tuple[str, ...]


def to_json(state: RolloutState) -> str:
    plan = state.plan
    record = _StateRecord(
        format=1,
        plan=_PlanRecord(
            model=plan.model,
            from_version=plan.from_version,
            to_version=plan.to_version,
            steps_percent=list(plan.steps_percent),
            hold_s=plan.hold_s,
            error_margin_ratio=plan.error_margin_ratio,
            keep_old=plan.keep_old,
        ),
        phase=state.phase.value,
        step_index=state.step_index,
        reason=state.reason,
        added=state.added,
        started_unix_s=state.started_unix_s,
        updated_unix_s=state.updated_unix_s,
    )
    return record.model_dump_json(indent=2) + "\n"


def from_json(text: str | bytes) -> RolloutState:
    """Raises: CorruptState."""
    try:
        record = _StateRecord.model_validate_json(text)
        fields = record.plan.model_dump()
        plan = Plan(**{**fields, "steps_percent": tuple(record.plan.steps_percent)})
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors())
        raise CorruptState(words) from error
    except InvalidPlan as error:
        raise CorruptState("; ".join(f"plan.{problem}" for problem in error.problems)) from error
    if not 0 <= record.step_index < len(plan.steps_percent):
        raise CorruptState(f"step_index: {record.step_index}, but the plan has {len(plan.steps_percent)} steps")
    return RolloutState(
        plan,
        Phase(record.phase),
        record.step_index,
        record.reason,
        record.added,
        record.started_unix_s,
        record.updated_unix_s,
    )


def save(state_dir: Path, state: RolloutState) -> None:
    """Replace the model's state file. Raises: OSError."""
    folder = state_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{state.plan.model}.json", to_json(state))


def restore(state_dir: Path) -> Restored:
    """Read every state file; one that cannot be used is a problem and disturbs no other."""
    states: dict[str, RolloutState] = {}
    problems = []
    for path in sorted((state_dir / FOLDER).glob("*.json")):
        try:
            state = from_json(path.read_bytes())
            if state.plan.model != path.name.removesuffix(".json"):
                raise CorruptState(f"plan.model: is {state.plan.model!r}, must match the file's name")
        except (OSError, CorruptState) as error:
            problems.append(
                f"{path}: {error}; its rollout is not resumed. Repair the file, or remove it to forget the rollout"
            )
        else:
            states[state.plan.model] = state
    return Restored(states, tuple(problems))


def replace_file(path: Path, text: str) -> None:
    """Write `text` so that a reader, also after a crash, sees the whole of the old file or of the new one.

    The mode of an existing file stays (a new one is 0644). Raises: OSError.
    """
    path = path.resolve()  # a symbolic link stays one
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = 0o644
    temporary = path.with_name(f".{path.name}.tidegate-tmp")  # always the same: a crash leaves at most one behind
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
