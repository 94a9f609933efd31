"""Promises of backend.core: a reload takes TensorFlow Serving's steps in its order, and refuses in its words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.config import ModelServerConfig, parse_text
from backend.core import Core
from backend.errors import Code, ServingError, StartError
from backend.poller import Poller
from backend.states import VersionState
from tests.unit.backend.fakes import FakeDisk, managed, wait_for

AVAILABLE, END = VersionState.AVAILABLE, VersionState.END


class House:
    """A core with fake models, and a folder for their versions."""

    def __init__(self, folder: Path, core: Core, disk: FakeDisk) -> None:
        self.folder = folder
        self.core = core
        self.disk = disk

    def add(self, model: str, version: int) -> None:
        """Publish a version."""
        (self.folder / model / str(version)).mkdir(parents=True)

    def config(self, *models: str, **extra: str) -> ModelServerConfig:
        """A configuration of these models; `extra` adds text to one of them."""
        entries = [
            f'config {{ name: "{m}" base_path: "{self.folder / m}" model_platform: "tensorflow" {extra.get(m, "")} }}'
            for m in models
        ]
        return parse_text("model_config_list { " + " ".join(entries) + " }", "test")

    def reload(self, config: ModelServerConfig) -> None:
        """As the RPC does, by a caller who doesn't leave."""
        self.core.reload(config, give_up=lambda: False)

    def wait(self, model: str, version: int, state: VersionState) -> None:
        """Wait for a state."""
        wait_for(self.core.board, model, version, state)

    def answers(self, model: str, **choice: object) -> int:
        """The version that answers."""
        kind = next(iter(choice), None)
        spec = SimpleNamespace(name=model, WhichOneof=lambda _: kind, **choice)
        with self.core.hold(spec) as (_, version, _):
            return version


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    disk = FakeDisk()
    with managed(disk) as (manager, board):
        poller = Poller(manager.set_aspired, interval_s=0)
        poller.start()
        yield House(tmp_path, Core(manager, poller, board, False), disk)
        poller.stop(10)


def _refused(house: House, config: ModelServerConfig) -> str:
    with pytest.raises(ServingError) as error:
        house.reload(config)
    return str(error.value)


def test_a_reload_waits_for_new_models_and_unloads_absent_ones(house: House) -> None:
    house.add("a", 1)
    house.add("b", 1)
    house.reload(house.config("a"))
    assert house.answers("a") == 1
    house.reload(house.config("b"))
    assert house.answers("b") == 1
    house.wait("a", 1, END)


def test_a_reload_does_not_wait_for_new_versions_of_known_models(house: House) -> None:
    house.add("a", 1)
    house.reload(house.config("a"))
    house.add("a", 2)
    allow = house.disk.hold(2)
    house.reload(house.config("a"))
    assert house.answers("a") == 1
    allow.set()
    house.wait("a", 2, AVAILABLE)


def test_a_new_model_that_fails_is_told_and_the_others_serve(house: House) -> None:
    house.add("a", 1)
    house.add("b", 2)
    house.disk.broken.add(2)
    text = _refused(house, house.config("a", "b"))
    assert text == (
        "UNKNOWN: 1 model(s) did not become available: {{{name: b version: 2} due to error: "
        f"DATA_LOSS: {house.folder}/b/2 is broken}}, }}"
    )
    assert house.answers("a") == 1


def test_a_caller_that_leaves_ends_the_waiting_but_not_the_reload(house: House) -> None:
    house.add("a", 1)
    allow = house.disk.hold(1)
    with pytest.raises(ServingError, match="stopped waiting for models: a"):
        house.core.reload(house.config("a"), give_up=lambda: True)
    allow.set()
    house.wait("a", 1, AVAILABLE)


def test_labels_route_and_a_label_for_an_unavailable_version_stops_the_reload(house: House) -> None:
    house.add("a", 1)
    house.add("b", 1)
    with pytest.raises(ServingError, match="Model labels does not init yet"):
        house.answers("a", version_label="stable")
    house.reload(house.config("a"))
    house.reload(house.config("a", a='version_labels { key: "stable" value: 1 }'))
    assert house.answers("a", version_label="stable") == 1
    wrong = house.config("a", "b", a='version_labels { key: "stable" value: 2 }')
    assert _refused(house, wrong) == (
        "FAILED_PRECONDITION: Request to assign label to version 2 of model a, "
        "which is not currently available for inference"
    )
    # Nothing was loaded, and the labels stand as before.
    assert house.core.board.versions("b") == {}
    assert house.answers("a", version_label="stable") == 1


def test_an_empty_list_unloads_everything_and_an_empty_configuration_is_refused(house: House) -> None:
    house.add("a", 1)
    house.reload(parse_text("", "test"))
    house.reload(house.config("a"))
    assert _refused(house, parse_text("", "test")).startswith(
        "FAILED_PRECONDITION: Cannot transition to requested config."
    )
    assert house.answers("a") == 1
    house.reload(parse_text("model_config_list {}", "test"))
    house.wait("a", 1, END)


def test_the_same_configuration_again_changes_nothing(house: House) -> None:
    house.add("a", 1)
    house.reload(house.config("a"))
    house.reload(house.config("a"))
    assert house.disk.attempts == [1]


def test_request_logging_is_refused_after_the_load(house: House) -> None:
    house.add("a", 1)
    text = _refused(house, house.config("a", a="logging_config {}"))
    assert text == "INVALID_ARGUMENT: No request-logger-creator provided."
    assert house.answers("a") == 1


def test_a_start_with_a_broken_model_says_which_and_why(house: House) -> None:
    house.add("a", 1)
    house.disk.broken.add(1)
    with pytest.raises(StartError) as error:
        house.core.start(house.config("a"), lambda: False)
    assert "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available" in str(error.value)
    assert "is broken" in str(error.value)


def test_a_start_with_labels_tells_of_the_flag(house: House) -> None:
    house.add("a", 1)
    with pytest.raises(StartError, match="--allow_version_labels_for_unavailable_models"):
        house.core.start(house.config("a", a='version_labels { key: "x" value: 1 }'), lambda: False)


def test_a_start_waits_for_a_first_version_until_it_is_stopped(house: House) -> None:
    (house.folder / "a").mkdir()
    stop = threading.Event()
    stop.set()
    with pytest.raises(StartError, match="stopped waiting for models: a"):
        house.core.start(house.config("a"), stop.is_set)


def test_a_spec_without_a_name_is_refused(house: House) -> None:
    with pytest.raises(ServingError) as error:
        house.answers("")
    assert (error.value.code, error.value.message) == (Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
