"""Prove one published version: its files are as published, its model can be read and is what export.json says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.checksums import has_checksums, verify_checksums
from export.signature import read_signature
from export.version_facts import MANIFEST_NAME, read_manifest


@dataclass(frozen=True, slots=True)
class Checked:
    """One version's proof. is_verifiable: it has checksums; without them only what can be read is known."""

    version: int
    path: Path
    is_verifiable: bool
    problems: tuple[str, ...]


def check_version(version: int, path: Path) -> Checked:
    """Every problem of one version; imports TensorFlow's definitions, not its runtime. Raises: nothing expected."""
    is_verifiable = has_checksums(path)
    problems: list[str] = []
    try:
        if is_verifiable:
            problems += verify_checksums(path)
        problems += _model_problems(version, path)
    except OSError as error:
        problems.append(f"{error.filename or path}: can't be read: {error.strerror or error}")
    return Checked(version, path, is_verifiable, tuple(problems))


def _model_problems(version: int, path: Path) -> list[str]:
    """Raises: OSError."""
    try:
        signature = read_signature(path).as_json()
    except FileNotFoundError:
        return ["no saved_model.pb or model.tflite: a server can't load it"]
    except ValueError as error:
        return [str(error)]
    manifest = read_manifest(path)
    if manifest is None:
        return [f"{MANIFEST_NAME}: no JSON object"] if (path / MANIFEST_NAME).exists() else []
    problems = []
    if manifest.get("version") != version:
        problems.append(f"{MANIFEST_NAME}: says version {manifest.get('version')}, the folder says {version}")
    if manifest.get("name") != path.parent.name:
        problems.append(f"{MANIFEST_NAME}: says model {manifest.get('name')!r}, the folder says {path.parent.name!r}")
    if manifest.get("signature") != signature:
        problems.append(
            f"{MANIFEST_NAME}: its signature isn't the model's: {manifest.get('signature')} against {signature}"
        )
    return problems
