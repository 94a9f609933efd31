"""Real exports onto real disks: full ones, interrupted ones, changed signatures, neighbours left alone."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from google.protobuf import text_format

from export.checksums import CHECKSUMS_NAME
from export.command import command
from export.errors import DiskError, InterruptedExportError, PublishedError, SignatureChangedError
from export.options import ExportOptions
from export.run import Exported, run_export
from export.signals import signals_raise
from export.temporary import PREFIX
from export.version_check import check_version
from export.version_needs import PER_MODEL_BATCHING
from export.versions import existing_versions, temporary_dirs
from tests.integration.export import models
from tests.serving_formats import message

pytestmark = pytest.mark.slow


@pytest.fixture(name="model", scope="module")
def _model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.keras"
    models.branched().save(path)
    return path


def export(path: Path, out: Path, say: Any = print, **changes: Any) -> Exported:
    return run_export(
        ExportOptions(path, "m", out, **{"max_batch_size": 2, "allowed_batch_sizes": (1, 2), **changes}), say
    )


def folder_of(exported: Exported) -> Path:
    """Where a version was published."""
    assert exported.version_dir is not None
    return exported.version_dir


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_versions_count_up_and_earlier_ones_stay_byte_for_byte(model: Path, tmp_path: Path) -> None:
    first = export(model, tmp_path)
    before = contents(folder_of(first))
    second = export(model, tmp_path)
    assert (folder_of(first).name, folder_of(second).name) == ("1", "2")
    assert contents(folder_of(first)) == before
    assert json.loads((folder_of(second) / "export.json").read_text())["version"] == 2


def test_a_changed_signature_is_refused_with_the_difference_named(model: Path, tmp_path: Path) -> None:
    export(model, tmp_path)
    other = tmp_path / "other.keras"
    models.sequential().save(other)
    with pytest.raises(SignatureChangedError) as caught:
        export(other, tmp_path)
    assert "input 'image' (float32 (?, 8, 8, 3)) is gone" in str(caught.value)
    assert "output 'scores' was float32 (?, 4), is float32 (?, 3)" in str(caught.value)
    assert set(existing_versions(tmp_path / "m")) == {1}
    allowed = export(other, tmp_path, allow_signature_change=True)
    assert "as allowed" in str(allowed.manifest["notes"])


def test_a_half_written_version_is_passed_over_when_signatures_are_compared(model: Path, tmp_path: Path) -> None:
    half = folder_of(export(model, tmp_path)).parent / "7"
    half.mkdir()
    (half / "saved_model.pb").write_bytes(b"\x08\x01half")
    exported = export(model, tmp_path)
    assert folder_of(exported).name == "8"
    assert "version 7 was passed over" in str(exported.manifest["notes"])
    assert (half / "saved_model.pb").read_bytes() == b"\x08\x01half"


@contextlib.contextmanager
def files_limited_to(limit_bytes: int) -> Iterator[None]:
    """Let the kernel refuse longer files (EFBIG), as a quota would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_limit_on_files_is_one_clear_error_and_disturbs_nothing(model: Path, tmp_path: Path) -> None:
    first = export(model, tmp_path)
    before = contents(tmp_path)
    with files_limited_to(60_000), pytest.raises(DiskError, match=r"Nothing was published"):
        export(model, tmp_path)
    assert contents(tmp_path) == before
    assert temporary_dirs(folder_of(first).parent) == {}


def test_a_limit_met_by_the_serving_files_only_publishes_nothing(model: Path, tmp_path: Path) -> None:
    many = "".join(
        f'config {{ name: "m{number}" base_path: "/srv/m{number}" model_platform: "tensorflow" }}\n'
        for number in range(40_000)
    )
    (tmp_path / "models.config").write_text(f"model_config_list {{\n{many}}}\n")
    before = contents(tmp_path)
    steps: list[str] = []
    with files_limited_to(1_500_000), pytest.raises(DiskError, match=r"Nothing was published"):
        export(model, tmp_path, steps.append)
    assert steps[-1].startswith("Measuring")  # the version itself was within the limit
    assert existing_versions(tmp_path / "m") == {}
    assert {name: text for name, text in contents(tmp_path).items() if not name.endswith(".lock")} == before


def test_a_serving_file_that_fails_after_publication_is_told_as_it_is(model: Path, tmp_path: Path) -> None:
    def put_a_folder_in_the_way(step: str) -> None:
        if step.startswith("Publishing"):
            (tmp_path / "models.config").mkdir()

    with pytest.raises(PublishedError) as caught:
        export(model, tmp_path, put_a_folder_in_the_way)
    assert f"version 1 is published in {tmp_path / 'm' / '1'}; models.config was not written: " in str(caught.value)
    assert "othing was published" not in str(caught.value)
    assert set(existing_versions(tmp_path / "m")) == {1}
    assert (tmp_path / "tensorflow_serving.flags").is_file()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith("-tmp")]


@contextlib.contextmanager
def small_disk(tmp_path: Path, size_mib: int) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not permitted here; the limit on files above stands for it")
    try:
        (disk / "m" / "1").mkdir(parents=True)
        (disk / "m" / "1" / "mine").write_text("kept")
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_without_room_is_refused_with_figures_before_anything_is_written(model: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    with small_disk(tmp_path, 1) as disk:
        with pytest.raises(DiskError, match=r"the new version needs about [\d.]+ MB, free are 1\.0 MB"):
            export(model, disk, steps.append)
        assert set(contents(disk)) == {"m/1/mine"}
    assert [step.split()[0] for step in steps] == ["Loading"]


@pytest.mark.parametrize("left_kib", [8, 80])
def test_a_disk_that_fills_meanwhile_is_one_clear_error_and_disturbs_nothing(
    model: Path, left_kib: int, tmp_path: Path
) -> None:
    def somebody_else_fills_it(step: str) -> None:
        if step.startswith("Writing"):
            free_bytes = shutil.disk_usage(tmp_path / "disk").free
            (tmp_path / "disk" / "filler").write_bytes(bytes(free_bytes - left_kib * 1024))

    with small_disk(tmp_path, 64) as disk:
        with pytest.raises(DiskError, match=r"(?i)space|full"):
            export(model, disk, somebody_else_fills_it)
        assert set(contents(disk)) == {"filler", "m/.tidegate.lock", "m/1/mine"}
        assert temporary_dirs(disk / "m") == {}


def test_a_published_version_has_checksums_of_all_its_files_and_verifies(model: Path, tmp_path: Path) -> None:
    version = folder_of(export(model, tmp_path))
    checked = check_version(1, version)
    assert (checked.is_verifiable, checked.problems) == (True, ())
    listed = {line.split("  ")[1] for line in (version / CHECKSUMS_NAME).read_text().splitlines()}
    assert {"saved_model.pb", "export.json", "assets.extra/tf_serving_warmup_requests"} <= listed
    assert text_format.Parse((version / PER_MODEL_BATCHING).read_text(), message("BatchingParameters"))


def test_a_dry_run_measures_all_and_changes_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    export(model, tmp_path / "out")
    before = contents(tmp_path / "out")
    dry = export(model, tmp_path / "out", max_batch_size=4, allowed_batch_sizes=(4,), is_dry_run=True)
    assert dry.version_dir is None
    assert dry.manifest["version"] == 2
    assert [change.path.name for change in dry.serving_files.changes] == ["batching_parameters.txt"]
    assert contents(tmp_path / "out") == before
    assert [path.name for path in temporary.iterdir() if path.name.startswith(PREFIX)] == []


def test_a_dry_run_into_a_folder_that_is_not_there_makes_none(model: Path, tmp_path: Path) -> None:
    export(model, tmp_path / "out", is_dry_run=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_removes_what_was_written(model: Path, number: signal.Signals, tmp_path: Path) -> None:
    seen: list[Path] = []

    def stop_while_measuring(text: str) -> None:
        if text.startswith("Measuring"):
            seen.extend(temporary_dirs(tmp_path / "m"))
            os.kill(os.getpid(), number)

    with pytest.raises(InterruptedExportError, match=f"{number.name}; nothing was published"), signals_raise():
        export(model, tmp_path, stop_while_measuring)
    assert len(seen) == 1
    assert not temporary_dirs(tmp_path / "m")
    assert not existing_versions(tmp_path / "m")
    assert signal.getsignal(number) is not signal.SIG_IGN


def test_a_signal_that_a_library_swallows_publishes_nothing(model: Path, tmp_path: Path) -> None:
    """A library may catch whatever is raised in it, as TensorFlow's autograph does; here the caller's `say` does."""

    def swallow_while_measuring(text: str) -> None:
        steps.append(text)
        if text.startswith("Measuring"):
            with contextlib.suppress(BaseException):
                os.kill(os.getpid(), signal.SIGTERM)

    steps: list[str] = []
    with pytest.raises(InterruptedExportError, match="SIGTERM; nothing was published"), signals_raise():
        export(model, tmp_path, swallow_while_measuring)
    assert steps[-1].startswith("Measuring")
    assert not temporary_dirs(tmp_path / "m")
    assert not existing_versions(tmp_path / "m")


def test_json_on_stdout_holds_the_manifest_and_the_paths(model: Path, tmp_path: Path) -> None:
    data = models.save_data(tmp_path / "d.npz", 6, (8, 8, 3), 4)
    arguments = [str(model), "--name", "m", "--out", str(tmp_path / "out"), "--data", str(data), "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["version_dir"] == str(tmp_path / "out" / "m" / "1")
    assert facts["accuracy_rows"] == 6
    assert all(Path(path).is_file() for path in facts["serving_files"])


def test_the_table_names_size_accuracy_and_latency(model: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, [str(model), "--name", "m", "--out", str(tmp_path / "out"), "--precision", "bfloat16"]
    )
    assert result.exit_code == 0, result.output
    for words in ("size on disk", "float32", "latency, batch 32", "accuracy is unknown: no --data given"):
        assert words in result.stdout


def test_rows_that_share_a_batch_keep_their_own_answers(model: Path, tmp_path: Path) -> None:
    from export.runtime import ServedModel

    x = np.random.default_rng(4).standard_normal((9, 8, 8, 3)).astype("float32")
    with ServedModel(folder_of(export(model, tmp_path))) as served:
        together = served.predict({"image": x})["scores"]
        alone = [served.predict({"image": row[None]})["scores"][0] for row in x]
        with pytest.raises(ValueError, match="doesn't fit"):
            served.predict({"image": x[0]})
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
