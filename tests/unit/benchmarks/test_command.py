"""The command line: which sittings there are, what it refuses, how a sitting is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import Options, command
from benchmarks.export_command import flags
from benchmarks.export_models import KINDS
from benchmarks.export_sitting import plan


def test_every_sitting_and_check_can_be_held_alone() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for name in ("fronts", "batching", "equal", "export", "prunable"):
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


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    outcome = CliRunner().invoke(command, ["export", "--only", "resnet"], env={"COLUMNS": "500"})
    assert outcome.exit_code == 2
    for model in KINDS:
        assert model in outcome.output


def test_the_flags_of_an_export_sitting_are_those_that_were_given_and_no_path() -> None:
    assert flags((), None, None, False, False) == ""
    assert flags(("mobilenet", "wave_gru"), 3, 0.5, True, True) == (
        " --only mobilenet --only wave_gru --rounds 3 --seconds 0.5 --fresh --quick"
    )


def test_a_quick_export_sitting_has_fewer_models_and_shorter_rounds_unless_they_are_given() -> None:
    whole, quick = plan((), None, None, False, False), plan((), None, None, False, True)
    assert (whole.models, whole.rounds) == (tuple(KINDS), 5)
    assert set(quick.models) < set(whole.models)
    assert (quick.rounds, quick.seconds) < (whole.rounds, whole.seconds)
    given = plan(("mobilenet",), 4, 1.5, False, True)
    assert (given.models, given.rounds, given.seconds) == (("mobilenet",), 4, 1.5)
