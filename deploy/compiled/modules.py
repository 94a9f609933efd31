"""What is compiled: the modules that every call goes through. Everything else is copied and runs interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

COPIED: Final = ("gateway", "protos")
# Folder -> its modules, or all ("*"); compiled together, so that they call one another as C functions.
HOT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "gateway": ("call",),
        "gateway/batching": (
            "desk",
            "gate",
            "joinable",
            "joined",
            "key",
            "lane",
            "lone",
            "member",
            "message",
            "pump",
            "rounds",
            "shell",
            "window",
        ),
        "gateway/http2": ("*",),
        "gateway/http2/shell": ("client", "deadlines", "flusher", "link", "server"),
        "gateway/limits": ("admission", "retry_budget", "suspects"),
        "gateway/predict": ("context", "forward", "guard", "handle", "inspect", "journey"),
        "gateway/server": ("accounts", "http2", "methods", "status"),
        "gateway/telemetry": ("counters",),
        "gateway/upstream": ("catalog", "courier", "http2", "pool", "replica", "request_blocks", "wiring"),
        "gateway/wire": (
            "check",
            "cut",
            "dtype",
            "encode",
            "forms",
            "inputs",
            "join",
            "plain",
            "reasons",
            "reply",
            "rows",
            "signature",
            "spec",
            "tensor",
            "values",
            "walk",
        ),
    }
)


def hot_files(root: Path) -> list[str]:
    """Paths of what is compiled, from the repository's root. Raises: ValueError for a module that isn't there."""
    found = []
    for folder, names in HOT.items():
        for name in names:
            paths = [path for path in sorted((root / folder).glob(f"{name}.py")) if path.name != "__init__.py"]
            if not paths:
                raise ValueError(f"{folder}/{name}.py is listed to be compiled and does not exist")
            found += [path.relative_to(root).as_posix() for path in paths]
    return found
