"""A load test is refused unless it is bounded, well named and aimed at this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadtests.options import MAX_RUN_TIME_S, OPTIONS, is_loopback, read_settings, run_time_problem
from loadtests.problems import Problems


def values(**changes: Any) -> dict[str, Any]:
    return {option.name: option.default for option in OPTIONS} | changes


def test_the_defaults_make_a_test_against_this_machine() -> None:
    settings = read_settings("127.0.0.1:8500", values())
    assert (settings.model, settings.keys, settings.key_header) == ("digits", 2000, "x-user-id")
    assert settings.requests is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]", "::1"])
def test_this_machines_addresses_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("address", ["10.0.0.1:8500", "example.org:8500", "localhost.example.org:8500", "[::2]:8500"])
def test_another_machine_is_refused_unless_allowed(address: str) -> None:
    with pytest.raises(Problems, match="--allow-remote"):
        read_settings(address, values())
    assert read_settings(address, values(allow_remote=True)).address == address


@pytest.mark.parametrize("address", [None, "", "127.0.0.1", "127.0.0.1:", ":8500", "127.0.0.1:0", "127.0.0.1:70000"])
def test_an_address_without_host_or_port_is_refused(address: str | None) -> None:
    with pytest.raises(Problems, match="must be HOST:PORT"):
        read_settings(address, values())


def test_a_url_is_refused_with_the_reason() -> None:
    with pytest.raises(Problems, match="without a scheme"):
        read_settings("http://127.0.0.1:8500", values())


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    wrong = values(
        model="a b",
        key_header="X-User",
        keys=0,
        connections=65,
        call_timeout_s=0.0,
        max_calls=-1,
        requests=str(tmp_path / "absent"),
        summary_file=str(tmp_path / "absent" / "s.json"),
    )
    with pytest.raises(Problems) as caught:
        read_settings("remote:1", wrong)
    assert len(caught.value.problems) == 9


@pytest.mark.parametrize("run_time_s", [0.0, -1.0, MAX_RUN_TIME_S + 1.0, float("nan"), float("inf")])
def test_a_test_without_an_end_is_refused(run_time_s: float) -> None:
    assert "must be over 0" in (run_time_problem(run_time_s) or "")


def test_a_bounded_run_time_is_accepted() -> None:
    assert run_time_problem(60) is None


def test_every_option_has_its_own_flag_and_environment_variable() -> None:
    assert len({option.flag for option in OPTIONS}) == len({option.environment_variable for option in OPTIONS})
    assert len({option.flag for option in OPTIONS}) == len(OPTIONS)
