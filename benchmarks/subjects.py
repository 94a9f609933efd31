"""What is compared: each subject is a way for a call to reach a model server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.recordings import Recorded
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True)
class Subject:
    """`key` names it in results, `group` says which model server it ends at, `title` says it in words.

    `front` is what stands before `upstream`; None: called directly. `joins`: the front joins calls.
    """

    key: str
    group: str
    title: str
    upstream: Server
    front: Server | None = None
    joins: bool = False

    @property
    def port(self) -> int:
        """Where its calls go."""
        return (self.front or self.upstream).port


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. `recorded`: by model, with the one right reply, which is the same for all.

    `left_out`: what is not measured this time, and why.
    """

    subjects: tuple[Subject, ...]
    recorded: Mapping[str, Recorded]
    left_out: tuple[str, ...] = ()
