"""Publication: a version appears whole or not at all, and nobody else's is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from export.errors import VersionExistsError
from export.publish import LOCK_NAME, Staging
from export.versions import existing_versions, temporary_dirs


def fill(staging: Staging, text: str = "model") -> None:
    (staging.path / "saved_model.pb").write_text(text)


def test_the_first_version_is_1_and_the_next_is_one_more(tmp_path: Path) -> None:
    for wanted in (1, 2):
        with Staging(tmp_path / "digits", None) as staging:
            fill(staging)
            assert staging.publish() == tmp_path / "digits" / str(wanted)


def test_the_next_version_counts_padded_names_and_passes_over_other_folders(tmp_path: Path) -> None:
    for name in ("0007", "9x", "-12", "notes", ".30"):
        (tmp_path / name).mkdir()
    with Staging(tmp_path, None) as staging:
        assert staging.version == 8


def test_an_existing_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_text("old")
    with pytest.raises(VersionExistsError, match=r"left as it is.*next free one \(4\)"):
        Staging(tmp_path, 3)
    assert (tmp_path / "3" / "saved_model.pb").read_text() == "old"
    assert temporary_dirs(tmp_path) == {}


@pytest.mark.parametrize("name", ["5", "0005"])
def test_a_version_that_appeared_meanwhile_is_not_replaced_even_when_empty(tmp_path: Path, name: str) -> None:
    with pytest.raises(VersionExistsError), Staging(tmp_path, 5) as staging:
        fill(staging)
        (tmp_path / name).mkdir()
        staging.publish()
    assert list((tmp_path / name).iterdir()) == []
    assert temporary_dirs(tmp_path) == {}


def test_a_failed_export_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Staging(tmp_path, None) as staging:
        fill(staging)
        raise RuntimeError("the model would not convert")
    assert {path.name for path in tmp_path.iterdir()} == {LOCK_NAME}


def test_the_folder_being_written_has_no_number_for_a_name(tmp_path: Path) -> None:
    with Staging(tmp_path, None) as staging:
        fill(staging)
        assert existing_versions(tmp_path) == {}
        assert staging.path.parent == tmp_path


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with Staging(tmp_path, None) as staging:
            fill(staging)
            version_dir = staging.publish()
    finally:
        os.umask(before)
    assert version_dir.stat().st_mode & 0o777 == 0o750
    assert (version_dir / "saved_model.pb").stat().st_mode & 0o777 == 0o640


def test_exports_side_by_side_get_versions_of_their_own(tmp_path: Path) -> None:
    everyone_reserved = threading.Barrier(6, timeout=30)
    published: list[str] = []

    def export(number: int) -> None:
        with Staging(tmp_path, None) as staging:
            fill(staging, str(number))
            everyone_reserved.wait()
            published.append(staging.publish().name)

    threads = [threading.Thread(target=export, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(published) == ["1", "2", "3", "4", "5", "6"]
    assert {(tmp_path / name / "saved_model.pb").read_text() for name in published} == set("012345")


HANGING_EXPORT = """
import sys, time
from pathlib import Path
from export.publish import Staging
with Staging(Path(sys.argv[1]), None) as staging:
    (staging.path / "half").write_text("written")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_export_is_cleaned_up_by_the_next_and_a_running_one_is_not(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HANGING_EXPORT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert len(temporary_dirs(tmp_path)) == 2
        children[0].send_signal(signal.SIGKILL)
        children[0].wait(30)
        with Staging(tmp_path, None) as staging:
            assert len(staging.removed_stale) == 1
            assert set(temporary_dirs(tmp_path).values()) - {staging.version} <= {1, 2}
            assert len(temporary_dirs(tmp_path)) == 2
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_a_dry_run_touches_neither_the_output_folder_nor_leaves_its_own(tmp_path: Path) -> None:
    (tmp_path / "digits" / "4").mkdir(parents=True)
    before = (tmp_path / "digits").stat().st_mtime_ns
    with Staging(tmp_path / "digits", None, is_dry_run=True) as staging:
        fill(staging)
        staging.sync()
        assert staging.version == 5
        assert not staging.path.is_relative_to(tmp_path / "digits")
        assert not staging.is_published
    assert not staging.path.exists() and not staging.is_published
    assert [path.name for path in (tmp_path / "digits").iterdir()] == ["4"]
    assert (tmp_path / "digits").stat().st_mtime_ns == before


def test_a_dry_run_makes_no_output_folder_and_refuses_an_existing_version(tmp_path: Path) -> None:
    with Staging(tmp_path / "out" / "digits", None, is_dry_run=True) as staging:
        assert staging.version == 1
    assert not (tmp_path / "out").exists()
    (tmp_path / "3").mkdir()
    with pytest.raises(VersionExistsError):
        Staging(tmp_path, 3, is_dry_run=True)


def test_a_dry_run_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never published"), Staging(tmp_path, None, is_dry_run=True) as staging:
        staging.publish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_link", [True, False])
def test_what_a_killed_pruning_left_of_a_version_that_was_no_folder_is_removed(tmp_path: Path, is_link: bool) -> None:
    (tmp_path / "mine").mkdir()
    left = tmp_path / "m" / ".3.removed-00ff"
    left.parent.mkdir()
    if is_link:
        left.symlink_to(tmp_path / "mine")
    else:
        left.write_text("a file")
    with Staging(tmp_path / "m", None) as staging:
        assert staging.removed_stale == [left]
    assert (tmp_path / "mine").is_dir() and not left.is_symlink() and not left.exists()
