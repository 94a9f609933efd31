"""Disk space: what won't fit is refused with figures, before anything is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.data import Split
from export.errors import DiskError
from export.space import Needed, check_export_space, estimate_bytes, rows_bytes, size_of, without_room

FAR_TOO_MUCH = 1 << 60


def test_what_fits_passes(tmp_path: Path) -> None:
    check_export_space(tmp_path, tmp_path, Needed(1, 1))
    check_export_space(tmp_path, tmp_path, Needed(0, 0))


def test_what_does_not_fit_is_refused_with_both_figures_and_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "made" / "yet"
    with pytest.raises(DiskError, match=r"yet: the new version needs about 1152921504\.6 GB, free are [\d.]+ .B; free"):
        check_export_space(folder, tmp_path, Needed(FAR_TOO_MUCH, 0))
    assert list(tmp_path.iterdir()) == []


def test_one_file_system_is_asked_once_for_the_sum(tmp_path: Path) -> None:
    with pytest.raises(DiskError) as caught:
        check_export_space(tmp_path, tmp_path, Needed(FAR_TOO_MUCH, FAR_TOO_MUCH))
    assert "the new version and the work beside it needs about 2305843009.2 GB" in str(caught.value)
    assert "problems" not in str(caught.value)


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=1000", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not permitted here; an impossible size above stands for it")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_small_disk_is_told_apart_from_the_one_for_temporary_files(small_disk: Path, tmp_path: Path) -> None:
    check_export_space(small_disk / "models", tmp_path, Needed(900_000, 1))
    with pytest.raises(DiskError) as caught:
        check_export_space(small_disk / "models", tmp_path, Needed(2_000_000, FAR_TOO_MUCH))
    text = str(caught.value)
    assert "disk space: 2 problems" in text
    assert f"{small_disk / 'models'}: the new version needs about 2.0 MB, free are 1.0 MB" in text
    assert f"{tmp_path}: the work beside it needs" in text


def test_a_disk_with_room_but_without_room_for_files_is_refused(small_disk: Path) -> None:
    for number in range(800):
        (small_disk / str(number)).touch()
    with pytest.raises(DiskError, match=r"needs room for about 256 more files, the file system has \d+"):
        check_export_space(small_disk, small_disk, Needed(1, 0))


def test_the_estimate_grows_with_the_model_and_its_companions() -> None:
    alone, compared = estimate_bytes(10**9), estimate_bytes(10**9, temporary_models=2)
    assert alone.out_bytes == compared.out_bytes > 10**9
    assert alone.temporary_bytes == 0
    assert compared.temporary_bytes > 2 * 10**9


def test_rows_to_fine_tune_with_count_in_the_folder_for_temporary_files() -> None:
    tuned = estimate_bytes(10**6, temporary_models=1, training_bytes=10**9)
    assert tuned.temporary_bytes > 10**9 + 2 * 10**6
    assert tuned.out_bytes == estimate_bytes(10**6).out_bytes
    assert estimate_bytes(10**6, is_dry_run=True, training_bytes=10**9).temporary_bytes > 10**9


def test_rows_are_counted_as_they_are_written(tmp_path: Path) -> None:
    texts = np.array(["a", "long text", ""], dtype=object)
    split = Split({"image": np.zeros((3, 8), np.float32), "text": texts}, np.zeros(3, np.int64))
    arrays = {"image": split.inputs["image"], "text": np.array(texts.tolist()), "labels": split.labels}
    assert rows_bytes(split) == sum(np.asarray(each).nbytes for each in arrays.values())


def test_a_disk_is_without_room_once_it_is_full(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(1024 * 1024))
    assert without_room([small_disk / "not" / "there", tmp_path]) == [small_disk / "not" / "there"]


def test_a_dry_run_needs_nothing_in_the_output_folder() -> None:
    real, dry = estimate_bytes(10**9, 1), estimate_bytes(10**9, 1, is_dry_run=True)
    assert dry == Needed(0, real.out_bytes + real.temporary_bytes)


def test_a_models_size_is_that_of_its_file_or_of_all_files_below(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"12345")
    (tmp_path / "variables" / "data").write_bytes(b"678")
    assert size_of(tmp_path) == 8
    assert size_of(tmp_path / "saved_model.pb") == 5
