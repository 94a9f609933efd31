"""`tidegate rollout` against a real admin server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.status import one_line
from cli.main import main
from gateway.rollout.preflight import Wish
from gateway.rollout.state import Phase
from tests.unit.cli.gateway_thread import running_gateway
from tests.unit.gateway.admin.fakes import FakeRollouts


@pytest.fixture
def rollouts() -> FakeRollouts:
    return FakeRollouts()


@pytest.fixture
def state_dir(tmp_path: Path, rollouts: FakeRollouts) -> Iterator[Path]:
    with running_gateway(tmp_path / "state", rollouts):
        yield tmp_path / "state"


def tidegate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def start(state_dir: Path, *arguments: str) -> Result:
    return tidegate("rollout", "start", "digits", "--to", "3", *arguments, "--state-dir", state_dir)


def test_start_without_waiting_gives_the_wish_and_returns(state_dir: Path, rollouts: FakeRollouts) -> None:
    options = ("--steps", "5,100", "--hold", "500ms", "--error-margin", "0", "--keep-old", "--no-wait")
    result = start(state_dir, *options)
    assert result.exit_code == 0, result.output
    assert rollouts.wishes == [Wish("digits", 3, (5.0, 100.0), 0.5, 0.0, True)]
    assert result.output == "digits: version 1 -> 3: loading, 0 % of users on the new one; loading\n"


def test_a_waited_rollout_shows_its_progress_and_ends_with_0_when_promoted(
    state_dir: Path, rollouts: FakeRollouts
) -> None:
    rollouts.path = [Phase.STEPPING, Phase.STEPPING, Phase.UNLOADING, Phase.PROMOTED]
    result = start(state_dir)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "loading     0 %  loading",
        "stepping   10 %  now stepping",
        "unloading 100 %  now unloading",
        "promoted  100 %  now promoted",
        "digits: version 1 -> 3: promoted, 100 % of users on the new one; now promoted",
    ]


def test_a_waited_rollout_that_aborts_ends_with_1_and_the_reason(state_dir: Path, rollouts: FakeRollouts) -> None:
    rollouts.path = [Phase.ABORTED]
    result = start(state_dir, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.output)
    assert (facts["phase"], facts["reason"], facts["from_version"]) == ("aborted", "now aborted", 1)


def test_every_wrong_argument_is_told_at_once(state_dir: Path, rollouts: FakeRollouts) -> None:
    wrong = ("--to", "eight", "--steps", "50,20", "--hold", "5 parsecs", "--error-margin", "much")
    result = tidegate("rollout", "start", "dig its", *wrong, "--state-dir", state_dir)
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "Error: 6 problems",
        "  --to: got 'eight'; a version is a whole number",
        "  --hold: got '5 parsecs'; write a time like 500ms, 5s or 2m",
        "  --error-margin: got 'much'; write a ratio like 0.02",
        "  model: 'dig its' is no model name; letters, digits, '.', '_' and '-' make one",
        "  steps_percent: 50,20 does not increase from step to step",
        "  steps_percent: 50,20 ends at 20, must end at 100",
    ]
    assert rollouts.wishes == []


def test_a_refusal_of_the_gateway_is_one_clear_error(state_dir: Path) -> None:
    start(state_dir, "--no-wait")
    result = start(state_dir, "--no-wait")
    assert (result.exit_code, result.output) == (2, "Error: model digits: a rollout to version 3 is stepping\n")


def test_abort_and_promote_tell_what_became_of_it(state_dir: Path) -> None:
    start(state_dir, "--no-wait")
    promoted = tidegate("rollout", "promote", "digits", "--json", "--state-dir", state_dir)
    assert json.loads(promoted.output)["phase"] == "unloading"
    aborted = tidegate("rollout", "abort", "digits", "--state-dir", state_dir)
    assert "aborting, 0 % of users on the new one; aborted by the operator" in aborted.output


def test_status_of_one_model_of_all_and_of_none(state_dir: Path) -> None:
    assert tidegate("rollout", "status", "--state-dir", state_dir).output == "no rollout was ever started here\n"
    start(state_dir, "--no-wait")
    every = json.loads(tidegate("rollout", "status", "--json", "--state-dir", state_dir).output)
    one = json.loads(tidegate("rollout", "status", "digits", "--json", "--state-dir", state_dir).output)
    assert every == [one]
    unknown = tidegate("rollout", "status", "letters", "--state-dir", state_dir)
    assert (unknown.exit_code, unknown.output) == (
        2,
        "Error: model letters: no rollout of it was ever started here\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("rollout", "status"),
        ("rollout", "start", "digits", "--to", "3"),
        ("rollout", "abort", "digits"),
        ("rollout", "promote", "digits"),
    ],
)
def test_without_a_gateway_each_verb_is_one_clear_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = tidegate(*arguments, "--state-dir", tmp_path)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert f"no gateway is running with the state directory {tmp_path}" in result.output


def test_a_dead_gateways_socket_is_told_like_no_gateway(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(tmp_path / "admin.sock"))
    result = tidegate("status", "--state-dir", tmp_path)
    assert result.exit_code == 2
    assert "admin.sock: Connection refused" in result.output


def test_a_servers_words_cannot_steer_the_terminal() -> None:
    assert one_line("a\nb\x1b[2Jü") == "a\\nb\\x1b[2Jü"
