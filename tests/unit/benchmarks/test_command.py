"""The command line: which sittings there are, what it refuses, how a sitting is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import Options, command


def test_both_sittings_and_the_equality_check_can_be_held_alone() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for name in ("fronts", "batching", "equal"):
        assert f"\n  {name} " in shown


def test_an_unknown_peer_is_refused_with_the_known_ones() -> None:
    outcome = CliRunner().invoke(command, ["batching", "--without", "squid"])
    assert outcome.exit_code == 2
    for peer in ("nginx", "haproxy", "envoy"):
        assert peer in outcome.output


def test_an_unknown_front_is_refused_with_the_known_ones() -> None:
    outcome = CliRunner().invoke(command, ["fronts", "--without", "squid"])
    assert outcome.exit_code == 2
    for front in ("gateway-compiled", "gateway-http2", "gateway-grpcio", "nginx", "haproxy", "envoy"):
        assert front in outcome.output


def test_a_serving_program_that_does_not_exist_fails_before_anything_starts(tmp_path: Path) -> None:
    named = str(tmp_path / "tensorflow_model_server")
    outcome = CliRunner().invoke(
        command, ["batching", "--out", str(tmp_path)], env={"TENSORFLOW_MODEL_SERVER": named, "COLUMNS": "500"}
    )
    assert outcome.exit_code == 2
    assert f"TENSORFLOW_MODEL_SERVER={named}: no such program" in outcome.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seconds", "flags"), [(None, "--rounds 3"), (0.5, "--rounds 3 --seconds 0.5")])
def test_results_name_the_flags_that_repeat_them_and_no_path(seconds: float | None, flags: str) -> None:
    assert Options(3, seconds, Path("/somewhere"), False).flags() == flags
