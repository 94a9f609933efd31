"""Promises of backend.manager: versions come and go without a gap, and calls keep what they hold."""

from __future__ import annotations

import pytest

from backend.errors import Code, ServingError
from backend.manager import Manager
from backend.states import VersionState
from backend.statusboard import StatusBoard
from tests.unit.backend.fakes import FakeDisk, managed, wait_for

AVAILABLE, LOADING, UNLOADING, END = (
    VersionState.AVAILABLE,
    VersionState.LOADING,
    VersionState.UNLOADING,
    VersionState.END,
)


def _held_version(manager: Manager, version: int | None = None) -> int:
    with manager.hold("m", version) as (number, _):
        return number


def test_the_highest_available_version_answers_unless_another_is_asked_for() -> None:
    with managed(FakeDisk()) as (manager, board):
        manager.set_aspired("m", {1: "/1", 2: "/2"})
        wait_for(board, "m", 1, AVAILABLE)
        wait_for(board, "m", 2, AVAILABLE)
        assert (_held_version(manager), _held_version(manager, 1)) == (2, 1)
        with pytest.raises(ServingError, match=r"^NOT_FOUND: Servable not found for request: Specific\(m, 3\)$"):
            _held_version(manager, 3)


def test_an_unknown_model_is_not_found() -> None:
    with (
        managed(FakeDisk()) as (manager, _),
        pytest.raises(ServingError, match=r"^NOT_FOUND: Servable not found for request: Latest\(m\)$"),
    ):
        _held_version(manager)


def test_the_old_version_answers_until_the_new_one_is_ready() -> None:
    disk = FakeDisk()
    allow = disk.hold(2)
    with managed(disk) as (manager, board):
        manager.set_aspired("m", {1: "/1"})
        wait_for(board, "m", 1, AVAILABLE)
        manager.set_aspired("m", {2: "/2"})
        wait_for(board, "m", 2, LOADING)
        assert _held_version(manager) == 1
        allow.set()
        wait_for(board, "m", 1, END)
        assert _held_version(manager) == 2
        assert disk.runners[1].closed.is_set()


def test_the_old_version_answers_on_when_the_new_one_fails() -> None:
    disk = FakeDisk()
    disk.broken.add(2)
    with managed(disk) as (manager, board):
        manager.set_aspired("m", {1: "/1"})
        wait_for(board, "m", 1, AVAILABLE)
        manager.set_aspired("m", {2: "/2"})
        wait_for(board, "m", 2, END)
        assert _held_version(manager) == 1
        assert (board.versions("m")[2].code, board.versions("m")[2].error) == (Code.DATA_LOSS, "/2 is broken")
        manager.set_aspired("m", {1: "/1"})
        manager.set_aspired("m", {1: "/1", 3: "/3"})
        wait_for(board, "m", 3, AVAILABLE)
        assert board.versions("m")[1].state is AVAILABLE


def test_a_failed_load_is_tried_again_as_often_as_asked_and_not_after_that() -> None:
    disk = FakeDisk()
    disk.broken.add(1)
    with managed(disk, retries=2) as (manager, board):
        manager.set_aspired("m", {1: "/1"})
        wait_for(board, "m", 1, END)
        manager.set_aspired("m", {1: "/1"})
        manager.set_aspired("other", {2: "/2"})
        wait_for(board, "other", 2, AVAILABLE)
        assert disk.attempts == [1, 1, 1, 2]


def test_a_version_that_is_no_longer_wanted_is_not_tried_again() -> None:
    disk = FakeDisk()
    disk.broken.add(1)
    with managed(disk, retries=5, interval_us=3_600_000_000) as (manager, board):
        manager.set_aspired("m", {1: "/1"})
        wait_for(board, "m", 1, LOADING)
        manager.set_aspired("m", {})
        wait_for(board, "m", 1, END)
        assert disk.attempts == [1]


def test_a_call_in_flight_keeps_its_version_in_memory() -> None:
    disk = FakeDisk()
    with managed(disk) as (manager, board):
        manager.set_aspired("m", {1: "/1"})
        wait_for(board, "m", 1, AVAILABLE)
        with manager.hold("m", None):
            manager.set_aspired("m", {})
            wait_for(board, "m", 1, UNLOADING)
            assert not disk.runners[1].closed.is_set()
        wait_for(board, "m", 1, END)
        assert disk.runners[1].closed.is_set()
        with pytest.raises(ServingError, match="Servable not found"):
            _held_version(manager)


def test_an_unloaded_version_can_be_loaded_again() -> None:
    disk = FakeDisk()
    with managed(disk) as (manager, board):
        for _ in range(2):
            manager.set_aspired("m", {1: "/1"})
            wait_for(board, "m", 1, AVAILABLE)
            manager.set_aspired("m", {})
            wait_for(board, "m", 1, END)
        assert disk.attempts == [1, 1]


def test_an_unforeseen_failure_ends_that_version_only() -> None:
    class Surprise(FakeDisk):
        def load(self, name: str, version: int, path: str) -> object:  # type: ignore[override] # it never returns
            raise ZeroDivisionError("oops") if version == 1 else ServingError(Code.NOT_FOUND, "no")

    with managed(Surprise()) as (manager, board):
        manager.set_aspired("m", {1: "/1", 2: "/2"})
        wait_for(board, "m", 1, END)
        wait_for(board, "m", 2, END)
        assert board.versions("m")[1].error == "ZeroDivisionError: oops"


def test_a_waiter_gives_up_when_told() -> None:
    assert not StatusBoard().wait(lambda: False, lambda: True)
