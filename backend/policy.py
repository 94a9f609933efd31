"""Which of the version directories a model's policy wants to serve. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Latest:
    """The `num_versions` highest versions; 0 is treated as 1."""

    num_versions: int = 1


@dataclass(frozen=True, slots=True)
class All:
    """Every version that is there."""


@dataclass(frozen=True, slots=True)
class Specific:
    """These versions, if they are there."""

    versions: frozenset[int]


VersionPolicy = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class Choice:
    """Directory names by version, and what the operator should be told about them."""

    versions: dict[int, str]
    warnings: tuple[str, ...]


def parse_version(name: str) -> int | None:
    """The version a directory name stands for, read as TensorFlow Serving does: `00000123` is 123."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if INT64_MIN <= number <= INT64_MAX else None


def choose(policy: VersionPolicy, children: Iterable[str], model: str) -> Choice:
    """The versions to aspire to among the names in the base path (of two names for one version the last one wins)."""
    warnings: list[str] = []
    found: dict[int, str] = {}
    for child in sorted(children):
        version = parse_version(child)
        if version is None:
            continue
        if version in found:
            warnings.append(
                f"{model}: version {version} will be loaded from {child!r}; {found[version]!r} will be ignored"
            )
        found[version] = child
    wanted = _wanted(policy, found)
    if isinstance(policy, Specific):
        missing = sorted(policy.versions - wanted)
        if missing:
            warnings.append(f"{model}: the policy wants versions {missing}, which are not in the base path")
    if not found:
        warnings.append(f"{model}: no versions found; version directories are named by numbers, for example 1")
    return Choice({version: found[version] for version in wanted}, tuple(warnings))


def _wanted(policy: VersionPolicy, found: dict[int, str]) -> set[int]:
    match policy:
        case Latest(num_versions):
            return set(sorted(found, reverse=True)[: max(num_versions, 1)])
        case All():
            return set(found)
        case Specific(versions):
            return set(found) & versions
        case _:
            assert_never(policy)
