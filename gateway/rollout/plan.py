"""What a rollout shall do: from which version to which, by which steps, and how much worse is too bad."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_STEPS = 100
MAX_HOLD_S = 7 * 86400.0
MAX_VERSION = 2**63 - 1
DEFAULT_STEPS_PERCENT = (10.0, 50.0, 100.0)
DEFAULT_HOLD_S = 5.0
DEFAULT_ERROR_MARGIN_RATIO = 0.02

_MODEL_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class InvalidPlan(ValueError):
    """A plan that cannot be built; `problems` names every wrong field."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True)
class Plan:
    """Raises InvalidPlan (a ValueError) with every problem at once."""

    model: str
    from_version: int
    to_version: int
    steps_percent: tuple[float, ...] = DEFAULT_STEPS_PERCENT  # strictly increasing, the last is 100
    hold_s: float = DEFAULT_HOLD_S  # at each step, before the next
    error_margin_ratio: float = DEFAULT_ERROR_MARGIN_RATIO  # new error ratio minus old one: more aborts
    keep_old: bool = False  # leave from_version loaded after promotion

    def __post_init__(self) -> None:
        problems = plan_problems(self.model, self.to_version, self.steps_percent, self.hold_s, self.error_margin_ratio)
        problems += _version_problems("from_version", self.from_version)
        if self.from_version == self.to_version:
            problems.append(f"to_version: {self.to_version} is the promoted version already")
        if problems:
            raise InvalidPlan(problems)


def plan_problems(
    model: str, to_version: int, steps_percent: Sequence[float], hold_s: float, error_margin_ratio: float
) -> list[str]:
    """Everything wrong with what an operator asks for, before the promoted version is known."""
    problems = []
    if not _MODEL_NAME.fullmatch(model):
        problems.append(f"model: {model!r} is no model name; letters, digits, '.', '_' and '-' make one")
    problems += _version_problems("to_version", to_version)
    problems += _steps_problems(steps_percent)
    if not (math.isfinite(hold_s) and 0 < hold_s <= MAX_HOLD_S):
        problems.append(f"hold_s: {hold_s:g} must be more than 0 and at most {MAX_HOLD_S:g} (7 days)")
    if not (math.isfinite(error_margin_ratio) and 0 <= error_margin_ratio < 1):
        problems.append(f"error_margin_ratio: {error_margin_ratio:g} must be at least 0 and less than 1")
    return problems


def _version_problems(field: str, version: int) -> list[str]:
    if 0 <= version <= MAX_VERSION:
        return []
    return [f"{field}: {version} is no version; a version is a whole number from 0 to 2^63 - 1"]


def _steps_problems(steps: Sequence[float]) -> list[str]:
    if not steps:
        return ["steps_percent: empty, must be increasing percents that end at 100, like 10,50,100"]
    problems = []
    if len(steps) > MAX_STEPS:
        problems.append(f"steps_percent: {len(steps)} steps, at most {MAX_STEPS} are allowed")
    problems += [f"steps_percent: {step:g} is not above 0 and at most 100" for step in steps if not 0 < step <= 100]
    if any(not earlier < later for earlier, later in pairwise(steps)):
        problems.append(f"steps_percent: {_words(steps)} does not increase from step to step")
    if steps[-1] != 100:
        problems.append(f"steps_percent: {_words(steps)} ends at {steps[-1]:g}, must end at 100")
    return problems


def _words(steps: Sequence[float]) -> str:
    return ",".join(f"{step:g}" for step in steps)
