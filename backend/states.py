"""The states of a version as GetModelStatus reports them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from backend.errors import Code


class VersionState(enum.IntEnum):
    """Numbers as on the wire (ModelVersionStatus.State)."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The last state a version reached; `error` tells why it ended or keeps failing; `change` orders all changes."""

    state: VersionState
    code: Code
    error: str
    change: int


def settled(statuses: dict[int, VersionStatus], since: int, expected: frozenset[int]) -> bool | None:
    """Whether a model that is being waited for became ready: True, False (all its versions ended) or None (not yet).

    Only changes after `since` count: END states of an earlier life say nothing about this one.
    `expected` are the versions the policy wants now; with none of them known there is nothing to judge.
    """
    fresh = {version: status for version, status in statuses.items() if status.change > since}
    if any(status.state is VersionState.AVAILABLE for status in fresh.values()):
        return True
    if not expected:
        return None
    ended = {version for version, status in fresh.items() if status.state is VersionState.END}
    return False if expected <= ended else None
