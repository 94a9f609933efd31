"""Generated code is what `make protos` writes from the .proto files of this checkout."""

from __future__ import annotations

from pathlib import Path

from protos.generate import STUBS, generate


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_regenerating_writes_the_committed_stubs(tmp_path: Path) -> None:
    generate(tmp_path / "stubs")
    fresh, committed = contents(tmp_path / "stubs"), contents(STUBS)
    assert fresh.keys() == committed.keys()
    for name, text in fresh.items():
        assert text == committed[name], f"{name}: run `make protos`"
