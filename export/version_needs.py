"""What the versions in an output folder need of the server that loads them all: its files speak for every one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.in_use import served_by
from export.options import ExportOptions
from export.served_folders import ServedFolder
from export.server_flags import VersionNeeds
from export.signature import is_tflite_version
from export.version_facts import read_manifest
from export.versions import existing_versions, model_folders

PER_MODEL_BATCHING = "batching_params.pbtxt"


@dataclass(frozen=True, slots=True)
class ServerNeeds:
    """flags: what flags must say. allowed_batch_sizes: of the file that holds for all models. notes: for the user."""

    flags: VersionNeeds
    allowed_batch_sizes: tuple[int, ...]
    notes: tuple[str, ...]


def server_needs(options: ExportOptions, version: int, config: Any) -> ServerNeeds:
    """Look at all versions beside the one being exported. config: the ModelServerConfig that will stand.

    A server refuses to load a version whose warm-up records have more rows than max_batch_size, so sizes of other
    versions that it loads are allowed too. Raises: OSError.
    """
    sizes = set(options.allowed_batch_sizes)
    is_tflite = options.precision.is_tflite
    is_xla = options.server.is_xla and not is_tflite
    larger: list[str] = []
    without: list[str] = []
    for base_path in model_folders(options.out_dir) if options.out_dir.is_dir() else ():
        existing = {**existing_versions(base_path)}
        is_own = base_path.name == options.name
        loaded = _loaded(config, base_path, {*existing, version} if is_own else set(existing))
        for number, path in sorted(existing.items()):
            manifest = read_manifest(path) or {}
            is_tflite = is_tflite or is_tflite_version(path)
            is_xla = is_xla or _is_xla(manifest)
            if number in loaded and not (is_own and number == version):
                words = f"{base_path.name} {number}"
                others = _sizes(manifest)
                if others and max(others) > options.max_batch_size:
                    larger.append(f"{words} (up to {max(others)})")
                    sizes |= set(others)
                if not (path / PER_MODEL_BATCHING).is_file():
                    without.append(words)
    flags = VersionNeeds(is_xla=is_xla, is_tflite=is_tflite)
    if options.server.is_per_model_batching:
        return ServerNeeds(flags, options.allowed_batch_sizes, _without_notes(without))
    return ServerNeeds(flags, tuple(sorted(sizes)), _larger_notes(larger, options))


def _loaded(config: Any, base_path: Path, existing: set[int]) -> set[int]:
    """The versions a server with this configuration loads at its next start."""
    return {use.version for use in served_by(config, ServedFolder.of(base_path), "models.config").uses(existing)}


def _is_xla(manifest: dict[str, Any]) -> bool:
    variant = manifest.get("variant")
    return isinstance(variant, dict) and variant.get("xla") is True


def _sizes(manifest: dict[str, Any]) -> list[int]:
    """Allowed batch sizes of another version: those of its warm-up records. Empty when export.json doesn't say."""
    batching = manifest.get("batching")
    sizes = batching.get("allowed_batch_sizes") if isinstance(batching, dict) else None
    return [size for size in sizes if isinstance(size, int)] if isinstance(sizes, list) else []


def _larger_notes(larger: list[str], options: ExportOptions) -> tuple[str, ...]:
    if not larger:
        return ()
    return (
        f"batching_parameters.txt holds for all models, and the warm-up records of {', '.join(larger)} have more rows "
        f"than this model's {options.max_batch_size}: their sizes are allowed too, else they wouldn't load. "
        "--per-model-batching gives each model its own",
    )


def _without_notes(without: list[str]) -> tuple[str, ...]:
    if not without:
        return ()
    return (
        f"with --per-model-batching a server doesn't batch {', '.join(without)}: no {PER_MODEL_BATCHING} there; "
        "export them again",
    )
