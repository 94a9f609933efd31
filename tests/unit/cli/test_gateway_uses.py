"""What gateways use of a model: running rollouts, promotions, labels and arms; what can't be read is never guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.gateway_uses import GatewayUses, models_config_paths
from export.errors import InUseUnknownError
from gateway.rollout.plan import Plan
from gateway.rollout.state import Phase, RolloutState
from gateway.rollout.store import FOLDER, save


def save_rollout(state_dir: Path, phase: Phase, model: str = "digits") -> None:
    save(state_dir, RolloutState(Plan(model, 3, 5), phase, 0, "test", True, 0.0, 0.0))


def used(*state_dirs: Path, configurations: tuple[Path, ...] = ()) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for use in GatewayUses(state_dirs, configurations)({"digits"}):
        found.setdefault(use.version, set()).add(use.by)
    return found


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.finished])
def test_a_running_rollout_uses_both_its_versions_in_every_phase(phase: Phase, tmp_path: Path) -> None:
    save_rollout(tmp_path, phase)
    words = {f"the rollout from version 3 to 5 is {phase}"}
    assert used(tmp_path) == {3: words, 5: words}


def test_a_finished_rollout_uses_the_version_it_left_in_force(tmp_path: Path) -> None:
    save_rollout(tmp_path / "a", Phase.PROMOTED)
    save_rollout(tmp_path / "b", Phase.ABORTED)
    assert used(tmp_path / "a") == {5: {"promoted by the last rollout"}}
    assert used(tmp_path / "b") == {3: {"in force since the rollout to version 5 was aborted"}}
    assert set(used(tmp_path / "a", tmp_path / "b")) == {3, 5}


def test_another_models_rollout_uses_nothing_of_this_one(tmp_path: Path) -> None:
    save_rollout(tmp_path, Phase.LOADING, "other")
    assert used(tmp_path) == {}


def test_models_with_uses_are_named_and_routes_that_pin_nothing_are_not(tmp_path: Path) -> None:
    save_rollout(tmp_path, Phase.LOADING, "rolled")
    (tmp_path / "gateway.yaml").write_text(GATEWAY + "  free: {}\n")
    assert GatewayUses((tmp_path,), (tmp_path / "gateway.yaml",)).models() == {"rolled", "digits", "other"}


def test_a_gateway_that_never_rolled_uses_nothing(tmp_path: Path) -> None:
    assert used(tmp_path) == {}


def test_a_state_directory_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(InUseUnknownError, match=r"gone: No such file or directory, so which versions rollouts use"):
        used(tmp_path / "gone")


def test_a_broken_state_file_may_be_a_running_rollout(tmp_path: Path) -> None:
    save_rollout(tmp_path, Phase.LOADING)
    (tmp_path / FOLDER / "other.json").write_text('{"format": 1}')
    with pytest.raises(InUseUnknownError, match=r"other\.json"):
        used(tmp_path)


def test_something_else_in_the_place_of_the_states_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("no folder")
    with pytest.raises(InUseUnknownError, match="Not a directory"):
        used(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_states_without_permission_are_not_taken_for_none(tmp_path: Path) -> None:
    save_rollout(tmp_path, Phase.LOADING)
    (tmp_path / FOLDER).chmod(0)
    try:
        with pytest.raises(InUseUnknownError, match="Permission denied"):
            used(tmp_path)
    finally:
        (tmp_path / FOLDER).chmod(0o700)


GATEWAY = """\
upstreams:
  gpu: {replicas: ["127.0.0.1:8500"], models_config: served/models.config}
models:
  digits:
    versions: managed
    version: 2
    labels: {stable: 2, canary: 7}
    split:
      arms:
        - {name: base, weight: 80}
        - {name: pinned, weight: 10, version: 4}
        - {name: labelled, weight: 10, version_label: canary}
  other: {versions: managed, version: 9}
"""


def test_arms_labels_and_the_version_to_start_from_are_in_use(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    assert used(configurations=(tmp_path / "gateway.yaml",)) == {
        2: {"version of digits in gateway.yaml", "label stable of digits in gateway.yaml"},
        4: {"arm pinned of digits in gateway.yaml"},
        7: {"label canary of digits in gateway.yaml", "arm labelled of digits in gateway.yaml"},
    }


def test_the_upstreams_own_models_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    assert models_config_paths([tmp_path / "gateway.yaml"]) == [tmp_path / "served" / "models.config"]


@pytest.mark.parametrize("text", ["models: [", "upstreams: {}\n"])
def test_a_gateway_yaml_with_mistakes_is_not_taken_for_one_that_uses_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(text)
    with pytest.raises(InUseUnknownError, match=r"can't be told: .*gateway\.yaml"):
        used(configurations=(tmp_path / "gateway.yaml",))
    with pytest.raises(InUseUnknownError):
        used(configurations=(tmp_path / "gone.yaml",))
