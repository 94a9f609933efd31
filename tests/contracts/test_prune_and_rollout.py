"""Exports, a rollout and pruning at once: no version that models.config names is ever gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from export.in_use import Sources
from export.publish import Staging, folder_lock
from export.removal import Pruning, plan, remove
from export.versions import existing_versions, temporary_dirs
from gateway.rollout.events import WriteModelsConfig
from gateway.rollout.hands import Hands
from gateway.rollout.plan import Plan
from gateway.rollout.ports import Ports
from gateway.rollout.reloads import ReloadBook
from gateway.rollout.state import Phase, RolloutState

LAST_VERSION = 10
TURN_TIMEOUT_S = 60.0  # of the pruner: it takes milliseconds


class OneFile:
    """The one port that a change of models.config needs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def models_config_path(self, model: str) -> Path:
        return self._path


def publish(base_path: Path) -> None:
    with Staging(base_path, None) as staging:
        (staging.path / "saved_model.pb").write_text("model")
        staging.publish()


async def exports_and_rollouts(out: Path, pruned: Callable[[], None]) -> None:
    """Each version is exported, loaded beside the one before, which is then unloaded; half way, pruning has its turn.

    The others take the locks so often that it might have none before the end.
    """
    hands = Hands(cast(Ports, OneFile(out / "models.config")), out / "state", asyncio.to_thread, asyncio.Lock())
    state = RolloutState(Plan("digits", 1, 2), Phase.LOADING, 0, "test", True, 0.0, 0.0)
    for version in range(2, LAST_VERSION + 1):
        await asyncio.to_thread(publish, out / "digits")
        await hands.do(state, ReloadBook(), WriteModelsConfig(add=frozenset({version})))
        await hands.do(state, ReloadBook(), WriteModelsConfig(remove=frozenset({version - 1})))
        if version == LAST_VERSION // 2:
            await asyncio.to_thread(pruned)


def named(path: Path) -> set[int]:
    config: Any = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    return set(config.model_config_list.config[0].model_version_policy.specific.versions)


def prune_until(stop: threading.Event, out: Path, missing: list[set[int]]) -> None:
    base_path = out / "digits"
    pruning = Pruning((base_path,), 1, Sources((out / "models.config",), lambda names: []))
    while not stop.wait(0.005):  # let the others have the locks too
        remove(pruning, {base_path: plan(pruning)[base_path].remove}, lambda text: None)
        with folder_lock(out):
            missing.append(named(out / "models.config") - set(existing_versions(base_path)))


async def test_pruning_beside_exports_and_rollouts_never_removes_what_models_config_names(tmp_path: Path) -> None:
    publish(tmp_path / "digits")
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "digits" base_path: "/models/digits" model_platform: "tensorflow"\n'
        "  model_version_policy { specific { versions: 1 } } } }"
    )
    stop, missing = threading.Event(), list[set[int]]()
    pruner = threading.Thread(target=prune_until, args=(stop, tmp_path, missing))
    pruner.start()

    def pruned() -> None:
        """Wait for a whole turn of the pruner, begun from now on."""
        wanted, deadline_s = len(missing) + 2, time.monotonic() + TURN_TIMEOUT_S
        while len(missing) < wanted and pruner.is_alive():
            assert time.monotonic() < deadline_s, "the pruner hangs"
            time.sleep(0.005)

    try:
        await exports_and_rollouts(tmp_path, pruned)
    finally:
        stop.set()
        pruner.join(60)
    assert missing and set().union(*missing) == set()
    assert LAST_VERSION in existing_versions(tmp_path / "digits")
    assert len(existing_versions(tmp_path / "digits")) < LAST_VERSION
    assert temporary_dirs(tmp_path / "digits") == {}
