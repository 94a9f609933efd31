"""Version folders as TensorFlow Serving sees them: the children of a base path whose names are whole numbers."""

from __future__ import annotations

import re
from pathlib import Path

from export.errors import SignatureChangedError, VersionExistsError
from export.signature import Signature, differences, read_signature

# Being written (`tmp`), or taken out of service and being deleted (`removed`): no numbers, so no server loads them.
TEMPORARY = re.compile(r"\.(\d+)\.(?:tmp|removed)-[0-9a-f]+")


def existing_versions(base_path: Path) -> dict[int, Path]:
    """Versions by number; `00000123` is version 123, other names are no versions. Empty when there is no base path."""
    if not base_path.is_dir():
        return {}
    return {int(child.name): child for child in sorted(base_path.iterdir()) if _is_version(child)}


def doubled_versions(base_path: Path) -> dict[int, list[str]]:
    """Versions of which there are several folders (`3` and `003`), with their names: a server takes any of them."""
    names: dict[int, list[str]] = {}
    for child in sorted(base_path.iterdir()) if base_path.is_dir() else ():
        if _is_version(child):
            names.setdefault(int(child.name), []).append(child.name)
    return {version: folders for version, folders in names.items() if len(folders) > 1}


def _is_version(path: Path) -> bool:
    return path.name.isascii() and path.name.isdigit()


def model_folders(out_dir: Path) -> list[Path]:
    """Base paths in an output folder, by name: the folders that hold a version. Raises: OSError."""
    folders = (path for path in sorted(out_dir.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return [path for path in folders if _holds_version(path)]


def _holds_version(folder: Path) -> bool:
    """One that can't be looked into is none of ours, such as `lost+found` where the output folder is a disk."""
    try:
        return any(_is_version(child) for child in folder.iterdir())
    except PermissionError:
        return False


def temporary_dirs(base_path: Path) -> dict[Path, int]:
    """Folders of exports and prunings that run or died, and the version each is of."""
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
