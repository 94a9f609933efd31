"""docker-compose.yml as Compose would read it, for the contract tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read_compose() -> dict[str, Any]:
    """The file with anchors merged and ${NAME:-default} replaced by its default."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(r"\2", text))
    return document


def services() -> dict[str, dict[str, Any]]:
    """Every service by name."""
    found: dict[str, dict[str, Any]] = read_compose()["services"]
    return found


def bind_mounts() -> list[tuple[str, Path, str, str]]:
    """(service, source in the repository, target in the container, options) of every mount that is no named volume."""
    mounts = []
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source, target, *options = volume.split(":")
            if source.startswith("."):
                mounts.append((name, ROOT / source, target, ",".join(options)))
    return mounts


def mounted_files() -> list[Path]:
    """Every file that a container sees, each once."""
    files: set[Path] = set()
    for _, source, _, _ in bind_mounts():
        files |= {source} if source.is_file() else {path for path in source.rglob("*") if path.is_file()}
    return sorted(files)
