"""Version folders as TensorFlow Serving sees them: the children of a base path whose names are whole numbers."""

from __future__ import annotations

import re
from pathlib import Path

from export.errors import SignatureChangedError, VersionExistsError
from export.signature import Signature, differences, read_signature

TEMPORARY = re.compile(r"\.(\d+)\.tmp-[0-9a-f]+")


def existing_versions(base_path: Path) -> dict[int, Path]:
    """Versions by number; `00000123` is version 123, other names are no versions. Empty when there is no base path."""
    if not base_path.is_dir():
        return {}
    return {int(child.name): child for child in base_path.iterdir() if child.name.isascii() and child.name.isdigit()}


def temporary_dirs(base_path: Path) -> dict[Path, int]:
    """Folders of exports that run or died, and the version each was for."""
    if not base_path.is_dir():
        return {}
    matches = ((child, TEMPORARY.fullmatch(child.name)) for child in base_path.iterdir())
    return {child: int(match.group(1)) for child, match in matches if match is not None}


def latest_signature(base_path: Path, notes: list[str]) -> tuple[int, Signature] | None:
    """Signature of the highest readable version; a half-written one is passed over with a note."""
    for version, path in sorted(existing_versions(base_path).items(), reverse=True):
        try:
            return version, read_signature(path)
        except (OSError, ValueError) as error:
            notes.append(f"version {version} was passed over when comparing signatures: {error}")
    return None


def check_signature(base_path: Path, name: str, signature: Signature, allow_change: bool, notes: list[str]) -> None:
    """Refuse a signature that callers of the version before couldn't use unchanged.

    Raises: SignatureChangedError naming each difference.
    """
    before = latest_signature(base_path, notes)
    if before is None:
        return
    version, old = before
    found = differences(old, signature)
    if not found:
        return
    changes = "".join(f"\n  {difference}" for difference in found)
    if not allow_change:
        raise SignatureChangedError(
            f"model {name!r}: its signature differs from version {version}'s, so callers would break:{changes}\n"
            "Export under another --name, or pass --allow-signature-change when every caller is ready"
        )
    notes.append(f"the signature differs from version {version}'s, as allowed:{changes}")


def check_version_is_free(base_path: Path, version: int | None) -> None:
    """Refuse an existing version before any work is done; checked again under the lock. Raises: VersionExistsError."""
    taken = existing_versions(base_path)
    if version is not None and version in taken:
        raise VersionExistsError(
            f"{taken[version]}: version {version} exists and was left as it is; "
            f"leave out --version for the next free one ({max(taken) + 1})"
        )
