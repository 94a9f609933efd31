"""A signal stops the export, whatever the library it strikes makes of it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from export.errors import BadDataError, InterruptedExportError
from export.failures import Publication, failures_told
from export.publish import Staging
from export.signals import check_not_stopped, removing, signals_raise


def send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def a_library_that_swallows_all() -> None:
    with contextlib.suppress(BaseException):
        send()


def test_code_that_catches_exceptions_does_not_catch_a_signals() -> None:
    with pytest.raises(InterruptedExportError), signals_raise(), contextlib.suppress(Exception):
        send()


def test_a_signal_that_was_swallowed_whole_still_publishes_nothing(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(InterruptedExportError, match="stopped by SIGTERM; nothing was published"),
        signals_raise(),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        a_library_that_swallows_all()
        done.staging.publish()
    assert [path.name for path in (tmp_path / "m").iterdir() if path.name[0] != "."] == []


def test_a_signal_that_came_out_as_another_error_is_told_as_a_signal(tmp_path: Path) -> None:
    with (
        pytest.raises(InterruptedExportError, match="stopped by SIGTERM; nothing was published"),
        signals_raise(),
        failures_told(tmp_path, Publication()),
    ):
        a_library_that_swallows_all()
        raise BadDataError("d.npz: can't be read as an .npz: stopped by SIGTERM")


def test_a_swallowed_signal_with_nothing_after_it_ends_the_export_all_the_same(tmp_path: Path) -> None:
    done = Publication()
    with (
        pytest.raises(InterruptedExportError, match=r"version 1 is published in .*, its serving files") as caught,
        signals_raise(),
        failures_told(tmp_path, done),
        Staging(tmp_path / "m", None) as done.staging,
    ):
        done.staging.publish()
        a_library_that_swallows_all()
    assert caught.value.version_dir == tmp_path / "m" / "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_stops_what_went_on_after_the_first(number: signal.Signals) -> None:
    with signals_raise():
        a_library_that_swallows_all()
        with pytest.raises(InterruptedExportError, match="stopped by SIGTERM"):
            send(number)


def test_a_signal_lets_a_removal_end_and_is_not_forgotten() -> None:
    removed = False
    with signals_raise():
        with removing():
            send()
            removed = True
        with pytest.raises(InterruptedExportError):
            check_not_stopped()
    assert removed
    check_not_stopped()  # an export after that in the same process goes on
