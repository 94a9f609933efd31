"""Which sources a compiled build was made of: it is made again only when they, or what compiles them, changed."""

from __future__ import annotations

import hashlib
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Final

from deploy.compiled.modules import COPIED

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "build" / "compiled"  # a gateway started in it runs compiled
STAMP: Final = "SOURCES.sha256"


def digest(root: Path = ROOT) -> str:
    """SHA-256 over the sources, the list of what is compiled, and the versions of mypyc and Python."""
    said = hashlib.sha256(f"mypy {version('mypy')}, {sysconfig.get_config_var('EXT_SUFFIX')}\0".encode())
    for folder in (*COPIED, "deploy/compiled"):
        for path in sorted((root / folder).rglob("*.py")):
            said.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()


def is_current(folder: Path = FOLDER) -> bool:
    """Whether the build in `folder` was made of the sources as they are."""
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text(encoding="ascii").strip() == digest()
