"""Which versions of a base path are in use: loaded or labelled by models.config, or used by a gateway."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import BadServingFileError
from export.models_config import read_models_config
from export.retention import PolicyKind, ServedPolicy, Use

# What gateways use of a model known by these names. Raises: InUseUnknownError when that can't be told.
GatewayUses = Callable[[Collection[str]], list[Use]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it stands what is in use: the servers' files, and the gateways."""

    config_paths: tuple[Path, ...]
    gateway_uses: GatewayUses

    def uses(self, base_path: Path, existing: Collection[int]) -> list[Use]:
        """Every use of an existing version. Raises: BadServingFileError, InUseUnknownError, OSError."""
        found = [served(config_path, base_path) for config_path in self.config_paths]
        names = frozenset({base_path.name}).union(*(each.names for each in found))
        return [*(use for each in found for use in each.uses(existing)), *self.gateway_uses(names)]

    def loading_all(self, base_path: Path) -> list[str]:
        """Entries under which servers load every version there is. Raises: BadServingFileError, OSError."""
        found = [served(config_path, base_path) for config_path in self.config_paths]
        policies = [policy for each in found for policy in each.policies]
        return [policy.entry for policy in policies if policy.kind is PolicyKind.ALL]


@dataclass(frozen=True, slots=True)
class Served:
    """What one models.config says of a base path; empty policies: no server started with that file loads it.

    names: those under which servers and gateways know it.
    """

    names: frozenset[str]
    policies: tuple[ServedPolicy, ...]
    labels: tuple[Use, ...]

    def uses(self, existing: Collection[int]) -> list[Use]:
        """Every use of a version that exists."""
        return [*(use for policy in self.policies for use in policy.uses(existing)), *self.labels]


def served(config_path: Path, base_path: Path) -> Served:
    """Read what a models.config says of a base path; servers may see the folder elsewhere, so its last part counts.

    Raises: BadServingFileError when there is no file or it can't be understood; OSError.
    """
    if not config_path.exists():
        raise BadServingFileError(
            f"{config_path}: is not there, so nobody can tell which versions are served; name the file that the "
            "servers were started with by --models-config"
        )
    return served_by(read_models_config(config_path), base_path, config_path.name)


def served_by(config: Any, base_path: Path, file_name: str) -> Served:
    """The same of a ModelServerConfig; file_name: whose it is, for words."""
    entries = [entry for entry in config.model_config_list.config if _is_of(entry, base_path)]
    return Served(
        frozenset({base_path.name, *(entry.name for entry in entries)}),
        tuple(_policy(entry, file_name) for entry in entries),
        tuple(
            Use(version, f"label {label} ({entry.name} in {file_name})")
            for entry in entries
            for label, version in sorted(entry.version_labels.items())
        ),
    )


def _is_of(entry: Any, base_path: Path) -> bool:
    return base_path.name in (entry.name, entry.base_path.rstrip("/").rpartition("/")[2])


def _policy(entry: Any, file_name: str) -> ServedPolicy:
    policy, words = entry.model_version_policy, f"{entry.name} in {file_name}"
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        return ServedPolicy(words, PolicyKind.SPECIFIC, versions=frozenset(policy.specific.versions))
    if choice == "all":
        return ServedPolicy(words, PolicyKind.ALL)
    return ServedPolicy(words, PolicyKind.LATEST, count=policy.latest.num_versions)
