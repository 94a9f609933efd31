"""All temporary files of an export lie in one folder, which goes with it, or with the next when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.errors import DiskError
from export.failures import Publication, failures_told
from export.publish import Staging
from export.temporary import PREFIX, base_folder, sweep, temporary_folder, temporary_root

HANGING_EXPORT = """
import subprocess, sys, tempfile
from export.temporary import temporary_root
with temporary_root() as root:
    tempfile.mkdtemp()
    subprocess.run([sys.executable, "-c", "import tempfile; tempfile.mkdtemp()"], check=True)
    (root / "link").symlink_to(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(name="base", autouse=True)
def _base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "temporary"
    base.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    monkeypatch.setenv("TMPDIR", str(base))
    return base


def test_what_an_export_and_its_children_make_lies_in_one_folder_that_is_removed(base: Path) -> None:
    with temporary_root() as root, Staging(base / "m", None, is_dry_run=True) as staging, temporary_folder("x") as mine:
        child = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
        childs = Path(subprocess.run(child, check=True, capture_output=True, text=True).stdout.strip())
        assert {path.parent for path in (staging.path, mine, childs)} == {root}
        assert base_folder() == root.parent == base
    assert list(base.iterdir()) == []
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(base), str(base))


def test_what_a_killed_export_left_is_removed_by_the_next_and_a_running_ones_is_not(base: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").touch()
    command = [sys.executable, "-c", HANGING_EXPORT, str(tmp_path / "theirs")]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert len(list(base.iterdir())) == 2
        children[0].send_signal(signal.SIGKILL)
        children[0].wait(30)
        with temporary_root() as root:
            assert len(list(base.iterdir())) == 2 and root.exists()
        assert len(list(base.iterdir())) == 1
        children[1].communicate(timeout=30)
        assert list(base.iterdir()) == []
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert (tmp_path / "theirs" / "file").exists()


def test_links_files_and_other_names_are_left(base: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (base / f"{PREFIX}link").symlink_to(tmp_path / "theirs")
    (base / f"{PREFIX}file").touch()
    (base / f"my-{PREFIX}folder").mkdir()
    (base / f"{PREFIX}dead").mkdir()
    assert sweep(base) == [base / f"{PREFIX}dead"]
    assert len(list(base.iterdir())) == 3
    assert (tmp_path / "theirs").is_dir()


def test_a_folder_of_another_user_is_left(base: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    other = base / f"{PREFIX}other"
    other.mkdir()
    os.chown(other, 12345, -1)
    assert sweep(base) == []
    assert other.is_dir()


@pytest.fixture(name="small_disk")
def _small_disk(base: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(base)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        yield base
    finally:
        subprocess.run(["umount", str(base)], check=True)


def test_a_full_disk_for_temporary_files_is_not_blamed_on_the_output_folder(small_disk: Path, tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(DiskError) as caught,
        failures_told(tmp_path / "out", done),
        temporary_root() as done.temporary,
        Staging(tmp_path / "out" / "m", None) as done.staging,
        temporary_folder("rows") as folder,
        (folder / "rows.npz").open("wb", buffering=0) as file,
    ):
        while True:
            file.write(bytes(65536))
    assert str(caught.value).startswith(f"{small_disk}: No space left on device; free some space")
    assert str(tmp_path / "out") not in str(caught.value)
    assert list(small_disk.iterdir()) == []


def test_tensorflows_words_for_a_full_disk_are_told_of_the_disk_that_they_name(base: Path, tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(DiskError, match=f"^{base}: the disk is full"),
        failures_told(tmp_path / "out", done),
        temporary_root() as done.temporary,
    ):
        raise RuntimeError(f"{done.temporary}/steps/variables; No space left on device")
    with (
        pytest.raises(DiskError, match=f"^{tmp_path / 'out'}: the disk is full"),
        failures_told(tmp_path / "out", done),
        Staging(tmp_path / "out" / "m", None) as done.staging,
    ):
        raise RuntimeError(f"{done.staging.path}/variables; No space left on device")


def test_a_full_disk_that_nothing_names_is_the_one_without_room_or_else_one_of_both(base: Path) -> None:
    full = Path("/proc")  # a file system that never has room
    for out, words in ((full, str(full)), (base / "out", f"{base / 'out'} or {base}")):
        with pytest.raises(DiskError, match=f"^{words}: the disk is full"), failures_told(out, Publication()):
            raise RuntimeError("No space left on device")
