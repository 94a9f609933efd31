"""`tidegate versions prune` where servers and gateways know a model under other names than its folder has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.rollout.plan import Plan
from gateway.rollout.state import Phase, RolloutState
from gateway.rollout.store import save
from tests.unit.cli.version_folders import left, two_models, versions


@pytest.fixture(name="out")
def _out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of versions 1 to 5; nothing but models.config says who uses them."""
    monkeypatch.chdir(tmp_path)  # where no .tidegate is
    return two_models(tmp_path)


MNIST = 'config { name: "mnist" base_path: "/srv/mnist" model_version_policy { specific { versions: 1 } } }'


def served_as_mnist(out: Path) -> None:
    """The server sees `digits` at a path that this machine doesn't know."""
    config = (out / "models.config").read_text().splitlines()
    (out / "models.config").write_text("\n".join([config[0], MNIST, *config[3:]]))


def test_a_model_that_may_be_served_under_an_unknown_name_is_not_touched_until_that_is_told(out: Path) -> None:
    served_as_mnist(out)
    result = versions("prune", out, "--keep", "1", "--yes")
    assert (result.exit_code, left(out), left(out, "words")) == (2, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})
    assert "mnist (/srv/mnist)" in result.stderr
    assert f"--served-folder mnist={out / 'digits'}, or mnist=- for none in {out}" in result.stderr
    assert "what is in use isn't known" in versions("list", out, "--name", "digits").stdout
    assert versions("prune", out, "--keep", "1", "--yes", "--name", "words").exit_code == 0
    told = versions("prune", out, "--keep", "1", "--yes", "--served-folder", f"mnist={out / 'digits'}")
    assert told.exit_code == 0, told.output
    assert (left(out), left(out, "words")) == ({1, 5}, {5})


def test_an_entry_told_to_be_elsewhere_hides_nothing(out: Path) -> None:
    served_as_mnist(out)
    result = versions("prune", out, "--keep", "1", "--yes", "--served-folder", "mnist=-")
    assert result.exit_code == 0, result.output
    assert left(out) == {5}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["mnist"], "wanted NAME=FOLDER"),
        (["=x"], "wanted NAME=FOLDER"),
        (["mnist=gone"], "no such folder here"),
        (["mnist=-", "mnist=-"], "was told already"),
        (["minst=-"], "no such entry in"),
    ],
)
def test_a_served_folder_that_can_not_be_right_means_that_nothing_goes(out: Path, told: list[str], words: str) -> None:
    served_as_mnist(out)
    result = versions(
        "prune", out, "--keep", "1", "--yes", *[part for each in told for part in ("--served-folder", each)]
    )
    assert (result.exit_code, left(out)) == (2, {1, 2, 3, 4, 5})
    assert words in result.stderr


def test_a_model_served_through_a_link_is_one_model_and_its_served_version_stays(out: Path) -> None:
    (out / "prod").symlink_to("digits")
    config = out / "models.config"
    text = config.read_text().replace('name: "digits" base_path: "/models/digits"', 'name: "p" base_path: "/m/prod"')
    config.write_text(text)
    result = versions("prune", out, "--keep", "1", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert left(out) == {2, 5}
    assert [each["name"] for each in json.loads(result.stdout)["removed"]] == ["digits", "words"]


def test_a_rollout_of_a_model_that_nothing_here_is_named_after_may_be_of_an_unnamed_one(
    out: Path, tmp_path: Path
) -> None:
    save(tmp_path / "state", RolloutState(Plan("prod", 1, 3), Phase.STEPPING, 0, "test", True, 0.0, 0.0))
    config = out / "models.config"
    config.write_text("\n".join(line for line in config.read_text().splitlines() if "words" not in line))
    arguments = ("--keep", "1", "--yes", "--name", "words", "--state-dir", tmp_path / "state")
    result = versions("prune", out, *arguments)
    assert (result.exit_code, left(out, "words")) == (2, {1, 2, 3, 4, 5})
    assert "gateways use prod" in result.stderr
    result = versions("prune", out, *arguments, "--served-folder", f"prod={out / 'words'}")
    assert (result.exit_code, left(out, "words")) == (0, {1, 3, 5})
