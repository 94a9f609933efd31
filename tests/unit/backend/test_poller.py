"""Promises of backend.poller: base paths are read as they are, and one that is missing stops all changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import ModelSettings
from backend.policy import All, Latest
from backend.poller import BasePathMissing, Poller, poll
from backend.states import VersionState
from tests.unit.backend.fakes import FakeDisk, managed, wait_for


def _model(name: str, base: Path, policy: Latest | All = Latest()) -> ModelSettings:  # noqa: B008 - frozen
    return ModelSettings(name, str(base), "tensorflow", policy, {}, False)


def test_half_written_directories_are_not_versions(tmp_path: Path) -> None:
    for name in ("1", ".2.tmp-x", "notes"):
        (tmp_path / name).mkdir()
    wanted, warnings = poll([_model("m", tmp_path, All())])
    assert (wanted, warnings) == ({"m": {1: str(tmp_path / "1")}}, [])


def test_one_missing_base_path_voids_the_whole_poll(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with pytest.raises(BasePathMissing, match=r"Could not find base path .*gone for servable b"):
        poll([_model("a", tmp_path), _model("b", tmp_path / "gone")])


def test_a_new_configuration_is_polled_at_once_and_absent_models_are_unloaded(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with managed(FakeDisk()) as (manager, board):
        poller = Poller(manager.set_aspired, interval_s=0)
        poller.start()
        try:
            poller.configure((_model("m", tmp_path),))
            wait_for(board, "m", 1, VersionState.AVAILABLE)
            poller.configure(())
            wait_for(board, "m", 1, VersionState.END)
        finally:
            poller.stop(10)


def test_a_new_version_is_found_by_polling(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with managed(FakeDisk()) as (manager, board):
        poller = Poller(manager.set_aspired, interval_s=1)
        poller.start()
        try:
            poller.configure((_model("m", tmp_path),))
            wait_for(board, "m", 1, VersionState.AVAILABLE)
            (tmp_path / "2").mkdir()
            wait_for(board, "m", 2, VersionState.AVAILABLE)
            wait_for(board, "m", 1, VersionState.END)
        finally:
            poller.stop(10)
