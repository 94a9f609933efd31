"""What a published version says of itself, for a list: size, time, variant, accuracy, verdict, checksums."""

from __future__ import annotations

import datetime
import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checksums import has_checksums, verify_checksums
from export.space import size_of

MANIFEST_NAME = "export.json"  # export/manifest.py writes it, and imports numpy, which a list needn't wait for


class Checksums(enum.Enum):
    """Whether the files are as published."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"
    NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version. What export.json doesn't say is None; accuracy: share of test rows; published_at: UTC."""

    version: int
    path: Path
    size_bytes: int
    published_at: datetime.datetime
    variant: str | None
    accuracy: float | None
    verdict: str | None
    checksums: Checksums

    def as_json(self) -> dict[str, object]:
        return {
            "version": self.version,
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "published_at": self.published_at.isoformat(timespec="seconds"),
            "variant": self.variant,
            "accuracy": self.accuracy,
            "verdict": self.verdict,
            "checksums": self.checksums.value,
        }


def version_facts(version: int, path: Path, is_verified: bool) -> VersionFacts:
    """Look at one version; is_verified reads all its bytes. Raises: OSError."""
    content = read_manifest(path)
    manifest: dict[str, Any] = content if content is not None else {}
    accuracy = manifest.get("accuracy")
    return VersionFacts(
        version,
        path,
        size_of(path),
        datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC),
        variant_words(manifest),
        float(accuracy) if isinstance(accuracy, int | float) else None,
        verdict_words(manifest),
        _checksums(path, is_verified),
    )


def read_manifest(version_dir: Path) -> dict[str, Any] | None:
    """The content of export.json; None when there is none, or no JSON object. Raises: OSError."""
    try:
        content = json.loads((version_dir / MANIFEST_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def variant_words(manifest: dict[str, Any]) -> str | None:
    """`float32`, or `bfloat16, structured:0.5, xla`; None when export.json doesn't say."""
    variant = manifest.get("variant")
    if not isinstance(variant, dict):
        return None
    words = [str(variant[key]) for key in ("precision", "prune") if variant.get(key)]
    return ", ".join([*words, *(["xla"] if variant.get("xla") is True else [])]) or None


def verdict_words(manifest: dict[str, Any]) -> str | None:
    """`passed`, `refused`, `refused, forced`; None for a version that wasn't judged: plain float32, older exports."""
    verdict = manifest.get("verdict")
    if not isinstance(verdict, dict) or not isinstance(verdict.get("passed"), bool):
        return None
    return ("passed" if verdict["passed"] else "refused") + (", forced" if verdict.get("is_forced") else "")


def _checksums(path: Path, is_verified: bool) -> Checksums:
    if not has_checksums(path):
        return Checksums.NONE
    if not is_verified:
        return Checksums.NOT_READ
    try:
        return Checksums.WRONG if verify_checksums(path) else Checksums.RIGHT
    except OSError:
        return Checksums.WRONG  # `tidegate versions verify` says what can't be read
