"""Which versions of a base path are in use: loaded or labelled by models.config, used by a gateway, or linked to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.errors import BadServingFileError, InUseUnknownError, Problems
from export.models_config import read_models_config
from export.retention import PolicyKind, ServedPolicy, Use
from export.served_folders import ServedFolder, Told, linked_versions

# What gateways use of a model known by these names. Raises: InUseUnknownError when that can't be told.
GatewayUses = Callable[[Collection[str]], list[Use]]
# Every model of which gateways use versions. Raises: as above.
GatewayModels = Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it stands what is in use: the servers' files, the gateways, and what the user told of folders."""

    config_paths: tuple[Path, ...]
    gateway_uses: GatewayUses
    gateway_models: GatewayModels = frozenset
    told: Told = field(default_factory=dict)

    def look(self, base_path: Path) -> InUse:
        """Read everything once. Raises: BadServingFileError, InUseUnknownError when a use may be hidden, OSError."""
        folder = ServedFolder.of(base_path, self.told)
        found = tuple(served(config_path, folder) for config_path in self.config_paths)
        names = folder.names.union(
            *(each.names for each in found), (name for name, told in self.told.items() if folder.is_of(name, ""))
        )
        problems = [*self._misnamed(found), *self._hidden(folder, found, names)]
        if problems:
            raise InUseUnknownError(Problems(f"{base_path}: its uses can't be told", problems).text())
        return InUse(found, (*self.gateway_uses(names), *linked_versions(base_path)))

    def _misnamed(self, found: tuple[Served, ...]) -> list[str]:
        """A folder told of a name that nobody has is a slip of the pen."""
        known = {name for each in found for name in each.entries}.union(self.gateway_models() if self.told else ())
        return [
            f"--served-folder {name}=...: no such entry in {_words(self.config_paths)}, no such model of a gateway; "
            f"there are: {', '.join(sorted(known)) or 'none'}"
            for name in self.told
            if name not in known
        ]

    def _hidden(self, folder: ServedFolder, found: tuple[Served, ...], names: Collection[str]) -> list[str]:
        """Entries, and models of gateways, that may stand for this folder under a name nobody knows here."""
        problems = [
            f"no entry of {path} names this folder, and it isn't known here which folders its entries "
            f"{', '.join(f'{name} ({where})' for name, where in each.unplaced.items())} are of: one may be of this one "
            f"under another name. {_remedy(next(iter(each.unplaced)), folder)}"
            for path, each in zip(self.config_paths, found, strict=True)
            if each.unplaced and not each.policies
        ]
        models = set(self.gateway_models())
        known = {name for each in found for name in each.entries} | set(self.told)
        strange = sorted(name for name in models - known if not folder.is_placed(name, name))
        if strange and not any(each.policies for each in found) and not models & set(names):
            problems.append(
                f"no entry of {_words(self.config_paths)} names this folder, and gateways use {', '.join(strange)}, "
                f"which may be this one under another name. {_remedy(strange[0], folder)}"
            )
        return problems


def _words(paths: tuple[Path, ...]) -> str:
    return ", ".join(map(str, paths)) or "models.config"


def _remedy(name: str, folder: ServedFolder) -> str:
    return f"Say which: --served-folder {name}={folder.path}, or {name}=- for none in {folder.path.parent}"


@dataclass(frozen=True, slots=True)
class InUse:
    """What uses a base path's versions, as it stood when it was read."""

    served: tuple[Served, ...]
    others: tuple[Use, ...]

    def uses(self, existing: Collection[int]) -> list[Use]:
        """Every use of an existing version."""
        return [*(use for each in self.served for use in each.uses(existing)), *self.others]

    def loading_all(self) -> list[str]:
        """Entries under which servers load every version there is."""
        policies = [policy for each in self.served for policy in each.policies]
        return [policy.entry for policy in policies if policy.kind is PolicyKind.ALL]


@dataclass(frozen=True, slots=True)
class Served:
    """What one models.config says of a base path; empty policies: no entry of that file is known to be of it.

    names: those under which servers and gateways know it; entries: the names of all entries; unplaced: name and base
    path of the entries of which it isn't known here which folder they are of.
    """

    names: frozenset[str]
    policies: tuple[ServedPolicy, ...]
    labels: tuple[Use, ...]
    entries: frozenset[str]
    unplaced: Mapping[str, str]

    def uses(self, existing: Collection[int]) -> list[Use]:
        """Every use of a version that exists."""
        return [*(use for policy in self.policies for use in policy.uses(existing)), *self.labels]


def served(config_path: Path, folder: ServedFolder) -> Served:
    """Read what a models.config says of a base path. Raises: BadServingFileError for no file, or a bad one; OSError."""
    if not config_path.exists():
        raise BadServingFileError(
            f"{config_path}: is not there, so nobody can tell which versions are served; name the file that the "
            "servers were started with by --models-config"
        )
    return served_by(read_models_config(config_path), folder, config_path.name)


def served_by(config: Any, folder: ServedFolder, file_name: str) -> Served:
    """The same of a ModelServerConfig; file_name: whose it is, for words. Raises: OSError."""
    everything = list(config.model_config_list.config)
    entries = [entry for entry in everything if folder.is_of(entry.name, entry.base_path)]
    return Served(
        folder.names.union(entry.name for entry in entries),
        tuple(_policy(entry, file_name) for entry in entries),
        tuple(
            Use(version, f"label {label} ({entry.name} in {file_name})")
            for entry in entries
            for label, version in sorted(entry.version_labels.items())
        ),
        frozenset(entry.name for entry in everything),
        {entry.name: entry.base_path for entry in everything if not folder.is_placed(entry.name, entry.base_path)},
    )


def _policy(entry: Any, file_name: str) -> ServedPolicy:
    policy, words = entry.model_version_policy, f"{entry.name} in {file_name}"
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        return ServedPolicy(words, PolicyKind.SPECIFIC, versions=frozenset(policy.specific.versions))
    if choice == "all":
        return ServedPolicy(words, PolicyKind.ALL)
    return ServedPolicy(words, PolicyKind.LATEST, count=policy.latest.num_versions)
