"""Checksums: every change to a published version shows, and sha256sum reads the same file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from export.checksums import CHECKSUMS_NAME, has_checksums, verify_checksums, write_checksums


@pytest.fixture(name="version")
def _version(tmp_path: Path) -> Path:
    version = tmp_path / "1"
    (version / "variables").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    (version / "variables" / "variables.index").write_bytes(b"")
    write_checksums(version)
    return version


def test_what_was_just_written_is_right_and_names_every_file_but_itself(version: Path) -> None:
    assert verify_checksums(version) == []
    names = [line.split("  ")[1] for line in (version / CHECKSUMS_NAME).read_text().splitlines()]
    assert names == ["saved_model.pb", "variables/variables.index"]


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Puts something else in the place of saved_model.pb."""

    def change(version: Path) -> None:
        (version / "saved_model.pb").unlink()
        make(version / "saved_model.pb")

    return change


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda v: (v / "saved_model.pb").write_bytes(b"grapf"), "saved_model.pb: changed since"),
    "extra": (lambda v: (v / "variables" / "new").write_bytes(b""), "variables/new: not there when"),
    "missing": (instead(lambda path: None), "saved_model.pb: missing"),
    "folder for a file": (instead(Path.mkdir), "saved_model.pb: missing"),
    "pipe for a file": (instead(os.mkfifo), "saved_model.pb: not a plain file"),
    "link to nothing": (instead(lambda path: path.symlink_to("gone")), "saved_model.pb: can't be read: No such file"),
    "link to a folder": (instead(lambda path: path.symlink_to(path.parent)), "saved_model.pb: not a plain file"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named(version: Path, name: str) -> None:
    change, words = CHANGES[name]
    change(version)
    assert [problem for problem in verify_checksums(version) if problem.startswith(words)]


def test_all_problems_are_told_at_once(version: Path) -> None:
    for name in ("changed", "extra"):
        CHANGES[name][0](version)
    (version / "variables" / "variables.index").unlink()
    assert len(verify_checksums(version)) == 3


@pytest.mark.parametrize("text", [b"", b"\n", b"not a checksum\n", b"\x00" * 70])
def test_a_damaged_list_is_a_problem_and_never_all_right(version: Path, text: bytes) -> None:
    (version / CHECKSUMS_NAME).write_bytes(text)
    assert any(problem.startswith(CHECKSUMS_NAME) for problem in verify_checksums(version))


def test_a_version_without_a_list_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    assert not has_checksums(tmp_path)
    with pytest.raises(FileNotFoundError):
        verify_checksums(tmp_path)


def test_a_version_with_a_pipe_gets_no_list_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a plain file"):
        write_checksums(tmp_path)


ODD_NAMES = [
    "with space",
    "line\nbreak",
    "back\\slash",
    "return\rkey",
    "ümlaut",
    os.fsdecode(b"not-utf8-\xff"),
    " *star",
]


def test_odd_names_are_written_as_sha256sum_reads_them(tmp_path: Path) -> None:
    for name in ODD_NAMES:
        (tmp_path / name).write_text(name.encode(errors="replace").decode())
    write_checksums(tmp_path)
    assert verify_checksums(tmp_path) == []
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum isn't here")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS_NAME], cwd=tmp_path, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, b"")


def test_a_list_that_sha256sum_wrote_is_read(tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum isn't here")
    for name in ODD_NAMES:
        (tmp_path / name).write_text("x")
    listed = subprocess.run(["sha256sum", "--binary", *ODD_NAMES], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / CHECKSUMS_NAME).write_bytes(listed.stdout)
    assert verify_checksums(tmp_path) == []
