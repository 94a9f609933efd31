"""Real exports onto real disks: full ones, interrupted ones, changed signatures, neighbours left alone."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from export.command import command
from export.errors import DiskError, InterruptedExportError, PublishedError, SignatureChangedError
from export.failures import signals_raise
from export.options import ExportOptions
from export.run import Exported, run_export
from export.versions import existing_versions, temporary_dirs
from tests.integration.export import models

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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_versions_count_up_and_earlier_ones_stay_byte_for_byte(model: Path, tmp_path: Path) -> None:
    first = export(model, tmp_path)
    before = contents(first.version_dir)
    second = export(model, tmp_path)
    assert (first.version_dir.name, second.version_dir.name) == ("1", "2")
    assert contents(first.version_dir) == before
    assert json.loads((second.version_dir / "export.json").read_text())["version"] == 2


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
    half = export(model, tmp_path).version_dir.parent / "7"
    half.mkdir()
    (half / "saved_model.pb").write_bytes(b"\x08\x01half")
    exported = export(model, tmp_path)
    assert exported.version_dir.name == "8"
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
    assert temporary_dirs(first.version_dir.parent) == {}


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


@pytest.mark.parametrize("size_kib", [64, 512])
def test_a_full_disk_is_one_clear_error_and_disturbs_nothing(model: Path, size_kib: int, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not permitted here; the limit on files above stands for it")
    try:
        (disk / "m" / "1").mkdir(parents=True)
        (disk / "m" / "1" / "mine").write_text("kept")
        filler = disk / "filler"
        filler.write_bytes(b"x" * max(0, (size_kib - 80) * 1024))
        with pytest.raises(DiskError, match=r"(?i)space|full"):
            export(model, disk)
        assert set(contents(disk)) == {"filler", "m/.tidegate.lock", "m/1/mine"}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


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
    for words in ("size on disk", "float32 source", "latency, batch 32", "accuracy is unknown: no --data given"):
        assert words in result.stdout


def test_rows_that_share_a_batch_keep_their_own_answers(model: Path, tmp_path: Path) -> None:
    from export.runtime import ServedModel

    x = np.random.default_rng(4).standard_normal((9, 8, 8, 3)).astype("float32")
    with ServedModel(export(model, tmp_path).version_dir) as served:
        together = served.predict({"image": x})["scores"]
        alone = [served.predict({"image": row[None]})["scores"][0] for row in x]
        with pytest.raises(ValueError, match="doesn't fit"):
            served.predict({"image": x[0]})
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
