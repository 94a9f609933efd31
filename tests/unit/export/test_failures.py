"""A failure says what is published at that moment, wherever it strikes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from export.errors import DiskError, InterruptedExportError, PublishedError
from export.failures import Publication, failures_told
from export.publish import Staging
from export.serving_files import PreparedFiles
from export.signals import signals_raise


def prepared(out: Path) -> PreparedFiles:
    files = PreparedFiles({out / "flags": "new", out / "models.config": "new"}, [])
    files.write()
    return files


def test_a_signal_before_publication_says_that_nothing_was_published(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(InterruptedExportError, match="stopped by SIGTERM; nothing was published"),
        signals_raise(),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    assert done.version_dir is None


def test_a_signal_between_the_version_and_its_serving_files_names_both(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(InterruptedExportError) as caught,
        signals_raise(),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        done.files = prepared(tmp_path)
        done.staging.publish()
        os.kill(os.getpid(), signal.SIGTERM)
    where = tmp_path / "m" / "1"
    assert str(caught.value) == (
        f"stopped by SIGTERM; version 1 is published in {where}; flags, models.config were not written"
    )


def test_a_signal_after_the_serving_files_says_that_all_is_there(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(InterruptedExportError, match=r"published in .*, its serving files are written"),
        signals_raise(),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        done.files = prepared(tmp_path)
        done.staging.publish()
        done.files.put_in_place()
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_disk_error_after_publication_never_says_that_nothing_was_published(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(PublishedError) as caught,
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        done.files = prepared(tmp_path)
        done.staging.publish()
        (tmp_path / "models.config").mkdir()
        done.files.put_in_place()
    assert "1; models.config was not written: " in str(caught.value)
    assert "export again" in str(caught.value)
    assert (tmp_path / "flags").read_text() == "new"


def test_a_disk_error_before_publication_is_the_disks(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(DiskError, match=r"(?i)is a directory"),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        tmp_path.read_bytes()


def test_prepared_files_replace_whole_files_and_leave_equal_ones(tmp_path: Path) -> None:
    path, same = tmp_path / "models.config", tmp_path / "flags"
    path.write_text("old")
    same.write_text("same")
    files = PreparedFiles({same: "same", path: "new"}, [])
    with path.open() as reader:
        files.write()
        assert path.read_text() == "old"
        told = files.put_in_place()
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert (told.paths, told.unchanged) == ((same, path), frozenset({same}))
    assert {entry.name for entry in tmp_path.iterdir()} == {"models.config", "flags"}


def test_prepared_files_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text("old")
    files = PreparedFiles({path: "lone surrogate \ud800"}, [])
    with pytest.raises(UnicodeEncodeError):
        files.write()
    files.discard()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["models.config"]
