"""Why an operator's verb is refused: told before anything is changed."""

from __future__ import annotations

import enum
from collections.abc import Sequence


class Cause(enum.Enum):
    """What kind of refusal it is; the admin edge maps each to a gRPC code."""

    INVALID = "invalid"  # the request itself is wrong
    UNKNOWN = "unknown"  # no such model, or no rollout of it
    NOT_NOW = "not now"  # right in itself, but the gateway or the model is not in a state for it


class Refused(Exception):
    """A verb that changed nothing. `problems` are all reasons found, each with what to do."""

    def __init__(self, cause: Cause, problems: Sequence[str]) -> None:
        self.cause = cause
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
