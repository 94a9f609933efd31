"""What a version weighs: what a server loads, on disk and compressed."""

from __future__ import annotations

import gzip
from pathlib import Path

from export.gate.sizes import size_compressed, size_on_disk


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def test_size_counts_what_a_server_loads(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "saved_model.pb": b"x" * 5,
            "variables/v": b"x" * 3,
            "assets/words.txt": b"x" * 2,
            "assets.extra/warm": b"x" * 100,
            "export.json": b"x" * 50,
        },
    )
    assert size_on_disk(tmp_path) == 10


def test_a_tflite_version_weighs_its_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"model.tflite": b"x" * 7, "report.html": b"x" * 100})
    assert size_on_disk(tmp_path) == 7


def test_compressed_is_what_gzip_makes_of_it(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000  # more than one chunk
    write(tmp_path, {"saved_model.pb": content})
    assert size_compressed(tmp_path) == len(gzip.compress(content, 6, mtime=0))
