"""An export and a rollout change the same models.config under the same lock: neither undoes what the other wrote."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from export import publish
from export.errors import DiskError
from export.options import ExportOptions
from export.serving_files import prepared_serving_files
from gateway.rollout import file_lock
from gateway.rollout.events import WriteModelsConfig
from gateway.rollout.file_lock import ModelsConfigLocked, file_locked
from gateway.rollout.hands import Hands
from gateway.rollout.plan import Plan
from gateway.rollout.ports import Ports
from gateway.rollout.reloads import ReloadBook
from gateway.rollout.state import Phase, RolloutState

CONFIG = """\
model_config_list {
  config {
    name: "digits"
    base_path: "/models/digits"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 } }
  }
}
"""
EXPORTS, WRITES = 20, 40


class OneFile:
    """The one port that a change of models.config needs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def models_config_path(self, model: str) -> Path:
        return self._path


def hands(path: Path) -> Hands:
    return Hands(cast(Ports, OneFile(path)), path.parent / "state", asyncio.to_thread, asyncio.Lock())


STATE = RolloutState(Plan("digits", 1, 2), Phase.LOADING, 0, "test", True, 0.0, 0.0)


async def rollout_writes(path: Path, versions: range) -> None:
    """What rollouts do, one version after the other: off the event loop, as the gateway does."""
    worker = hands(path)
    for version in versions:
        await worker.do(STATE, ReloadBook(), WriteModelsConfig(add=frozenset({version}), remove=frozenset()))


def export_others(out: Path) -> None:
    """What exports of other models into the same folder do; each changes the file."""
    for number in range(EXPORTS):
        with prepared_serving_files(ExportOptions(out / "m.keras", f"other{number}", out), 1) as prepared:
            prepared.put_in_place()


def models_of(path: Path) -> dict[str, Any]:
    config = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    return {model.name: model for model in config.model_config_list.config}


def test_both_programs_lock_the_same_file() -> None:
    assert publish.LOCK_NAME == file_lock.LOCK_NAME


async def test_exports_and_a_rollout_at_once_lose_no_version_and_no_model(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text(CONFIG, encoding="utf-8")
    await asyncio.gather(asyncio.to_thread(export_others, tmp_path), rollout_writes(path, range(2, 2 + WRITES)))
    models = models_of(path)
    assert list(models["digits"].model_version_policy.specific.versions) == list(range(1, 2 + WRITES))
    assert set(models) == {"digits", *(f"other{number}" for number in range(EXPORTS))}


@pytest.fixture(name="locked")
def _locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder's lock, held by somebody who keeps it; both programs' patience is short."""
    monkeypatch.setattr(file_lock, "LOCK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(publish, "LOCK_TIMEOUT_S", 0.05)
    (tmp_path / "models.config").write_text(CONFIG, encoding="utf-8")
    descriptor = os.open(tmp_path / publish.LOCK_NAME, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield tmp_path / "models.config"
    os.close(descriptor)


def test_a_rollout_that_gets_no_lock_says_so_and_changes_nothing(locked: Path) -> None:
    with pytest.raises(ModelsConfigLocked, match=r"\.tidegate\.lock: an export has held this lock for 0\.05 s"):
        asyncio.run(rollout_writes(locked, range(2, 3)))
    assert locked.read_text(encoding="utf-8") == CONFIG


def test_an_export_that_gets_no_lock_says_so_and_changes_nothing(locked: Path) -> None:
    with pytest.raises(DiskError, match="another export or a rollout has held this lock"):
        export_others(locked.parent)
    assert locked.read_text(encoding="utf-8") == CONFIG


def test_a_folder_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelsConfigLocked, match=r"gone/\.tidegate\.lock: cannot be opened"),
        file_locked(tmp_path / "gone" / "models.config"),
    ):
        pass


def test_the_lock_is_that_of_the_folder_where_the_file_itself_lies(tmp_path: Path) -> None:
    for name in ("real", "link"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "models.config").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "link" / "models.config").symlink_to(tmp_path / "real" / "models.config")
    with file_locked(tmp_path / "link" / "models.config"):
        assert (tmp_path / "real" / file_lock.LOCK_NAME).exists()
    with prepared_serving_files(ExportOptions(tmp_path / "m.keras", "m", tmp_path / "link"), 1):
        assert not (tmp_path / "link" / publish.LOCK_NAME).exists()
