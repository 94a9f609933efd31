"""Which versions may go: the oldest beyond a number, never one that is in use; why each of the others stays. Pure."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

DEFAULT_KEEP = 3


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A version that must stay, and who uses it, in words."""

    version: int
    by: str


class PolicyKind(enum.Enum):
    """TensorFlow Serving's three version policies."""

    LATEST = "latest"
    ALL = "all"
    SPECIFIC = "specific"


@dataclass(frozen=True, slots=True)
class ServedPolicy:
    """What one entry of models.config loads of a base path. entry: the file and the model, in words.

    count: of `latest`, where 0 means 1 as it does to a server; versions: of `specific`.
    """

    entry: str
    kind: PolicyKind
    count: int = 1
    versions: frozenset[int] = frozenset()

    def uses(self, existing: Collection[int]) -> list[Use]:
        """The versions among the existing ones that a server loads by this policy."""
        match self.kind:
            case PolicyKind.LATEST:
                count = max(1, self.count)
                newest = sorted(existing, reverse=True)[:count]
                return [Use(version, f"loaded by latest:{count} ({self.entry})") for version in newest]
            case PolicyKind.ALL:
                return [Use(version, f"loaded by all ({self.entry})") for version in existing]
            case PolicyKind.SPECIFIC:
                named = self.versions & set(existing)
                return [Use(version, f"loaded by specific ({self.entry})") for version in named]


@dataclass(frozen=True, slots=True)
class Retention:
    """A decision over one model's versions: what goes, oldest first, and of every other one why it stays."""

    remove: tuple[int, ...]
    stays: Mapping[int, tuple[str, ...]]


def decide(existing: Collection[int], keep: int, uses: Iterable[Use]) -> Retention:
    """Keep the `keep` newest and all that is used; the rest may go.

    Raises: ValueError for a `keep` below 1: a model without versions stops the polling of every model of its server.
    """
    if keep < 1:
        raise ValueError(f"keep {keep}: at least 1 version must stay")
    newest = sorted(existing, reverse=True)[:keep]
    reasons: dict[int, list[str]] = {
        version: ["the newest" if keep == 1 else f"among the {keep} newest"] for version in newest
    }
    for use in sorted(set(uses)):
        if use.version in existing:
            reasons.setdefault(use.version, []).append(use.by)
    remove = tuple(sorted(set(existing) - set(reasons)))
    return Retention(remove, {version: tuple(reasons[version]) for version in sorted(reasons)})
