"""What a version weighs: on the disk, and compressed as a registry or a container layer transfers it."""

from __future__ import annotations

import zlib
from pathlib import Path

from export.signature import TFLITE_FILE, is_tflite_version

LEVEL = 6  # of gzip, as tar, docker and most registries use it
_GZIP = 31  # zlib's window bits for a gzip stream
_CHUNK_BYTES = 1 << 20


def served_files(version_dir: Path) -> list[Path]:
    """What a server loads: model.tflite, or graph, variables and assets; without warm-up records and reports."""
    if is_tflite_version(version_dir):
        return [version_dir / TFLITE_FILE]
    files = [version_dir / "saved_model.pb"]
    for folder in ("variables", "assets"):
        files += [path for path in sorted((version_dir / folder).rglob("*")) if path.is_file()]
    return files


def size_on_disk(version_dir: Path) -> int:
    """Bytes of the files that a server loads. Raises: OSError."""
    return sum(path.stat().st_size for path in served_files(version_dir))


def size_compressed(version_dir: Path) -> int:
    """Bytes of the same files as one gzip stream. Raises: OSError."""
    total = 0
    squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    for path in served_files(version_dir):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                total += len(squeeze.compress(chunk))
    return total + len(squeeze.flush())
