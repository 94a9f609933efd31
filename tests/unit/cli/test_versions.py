"""`tidegate versions list` and `prune` as they are called; `verify` needs TensorFlow and is tested with exports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export.checksums import write_checksums
from gateway.rollout.plan import Plan
from gateway.rollout.state import Phase, RolloutState
from gateway.rollout.store import FOLDER, save
from tests.unit.cli.version_folders import left, two_models, versions

MANIFEST: dict[str, Any] = {
    "variant": {"precision": "bfloat16", "prune": "structured:0.5"},
    "accuracy": 0.9876,
}


@pytest.fixture(name="out")
def _out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of versions 1 to 5; nothing but models.config says who uses them."""
    monkeypatch.chdir(tmp_path)  # where no .tidegate is
    out = two_models(tmp_path)
    for folder in out.glob("*/*/"):
        model, version = folder.parent.name, int(folder.name)
        (folder / "saved_model.pb").write_bytes(b"x" * 1000)
        (folder / "export.json").write_text(json.dumps({**MANIFEST, "name": model, "version": version}))
        write_checksums(folder)
    return out


def test_list_shows_each_version_with_what_export_json_says_and_who_uses_it(out: Path) -> None:
    (out / "digits" / "4" / "saved_model.pb").write_bytes(b"changed")
    (out / "digits" / "5" / "checksums.sha256").unlink()
    result = versions("list", out, "--name", "digits", "--json")
    assert result.exit_code == 0, result.output
    ((model),) = json.loads(result.stdout)
    facts = {each["version"]: each for each in model["versions"]}
    assert list(facts) == [5, 4, 3, 2, 1]
    assert facts[2]["in_use_by"] == ["loaded by specific (digits in models.config)"]
    assert facts[3]["in_use_by"] == []
    assert [facts[version]["checksums"] for version in (5, 4, 3)] == ["none", "wrong", "right"]
    assert (facts[1]["variant"], facts[1]["accuracy"]) == ("bfloat16, structured:0.5", 0.9876)
    assert facts[1]["size_bytes"] > 1000


def test_list_shows_a_table_for_people(out: Path) -> None:
    result = versions("list", out, "--no-verify")
    assert result.exit_code == 0, result.output
    assert "digits: 5 versions" in result.stdout and "words: 5 versions" in result.stdout
    assert "0.9876" in result.stdout and "not read" in result.stdout
    assert "version 2 is in use: loaded by specific (digits in models.config)" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_list_shows_versions_also_when_nobody_knows_what_is_in_use(out: Path) -> None:
    (out / "models.config").write_text("nonsense")
    result = versions("list", out)
    assert result.exit_code == 0, result.output
    assert "what is in use isn't known: " in result.stdout
    facts = json.loads(versions("list", out, "--json").stdout)
    assert facts[0]["versions"][0]["in_use_by"] is None


def test_a_damaged_export_json_harms_no_list(out: Path) -> None:
    for version, text in (("1", "{"), ("2", "[]"), ("3", '{"variant": 3, "accuracy": "high", "verdict": []}')):
        (out / "digits" / version / "export.json").write_text(text)
    facts = json.loads(versions("list", out, "--name", "digits", "--json").stdout)[0]["versions"]
    assert [each["variant"] for each in facts[2:]] == [None, None, None]
    assert [each["accuracy"] for each in facts[2:]] == [None, None, None]


def test_what_export_json_says_can_not_steer_a_terminal(out: Path) -> None:
    (out / "digits" / "5" / "export.json").write_text(json.dumps({"variant": {"precision": "float32\x1b[2J"}}))
    result = versions("list", out, "--name", "digits")
    assert "\x1b" not in result.stdout and "\\x1b" in result.stdout


def test_prune_keeps_the_newest_and_the_served_of_every_model(out: Path) -> None:
    result = versions("prune", out, "--keep", "2", "--yes")
    assert result.exit_code == 0, result.output
    assert (left(out), left(out, "words")) == ({2, 4, 5}, {4, 5})
    assert "digits: removed 1, 3" in result.stdout


def test_a_dry_run_says_what_would_go_and_why_the_others_stay(out: Path) -> None:
    result = versions("prune", out, "--keep", "1", "--dry-run", "--name", "digits", "--json")
    assert result.exit_code == 0, result.output
    (plan,) = json.loads(result.stdout)
    assert plan["remove"] == [1, 3, 4]
    assert {each["version"]: each["because"] for each in plan["stays"]} == {
        2: ["loaded by specific (digits in models.config)"],
        5: ["the newest"],
    }
    assert left(out) == {1, 2, 3, 4, 5}
    assert not (out / ".tidegate.lock").exists()


def test_prune_tells_a_program_what_it_removed(out: Path) -> None:
    result = versions("prune", out, "--keep", "3", "--yes", "--json")
    facts = json.loads(result.stdout)
    assert facts["removed"] == [{"name": "digits", "versions": [1]}, {"name": "words", "versions": [1, 2]}]
    assert facts["problems"] == []


def test_nobody_there_to_be_asked_means_that_nothing_goes(out: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "versions", "prune", "--out", str(out)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 2
    assert "pass --yes" in done.stderr
    assert left(out) == {1, 2, 3, 4, 5}


def test_a_rollout_in_the_state_directory_keeps_its_versions(out: Path, tmp_path: Path) -> None:
    save(tmp_path / "state", RolloutState(Plan("digits", 1, 3), Phase.STEPPING, 0, "test", True, 0.0, 0.0))
    versions("prune", out, "--keep", "1", "--yes", "--state-dir", tmp_path / "state")
    assert (left(out), left(out, "words")) == ({1, 2, 3, 5}, {5})


def test_the_state_directory_where_one_stands_is_looked_at_unasked(out: Path, tmp_path: Path) -> None:
    save(tmp_path / ".tidegate", RolloutState(Plan("digits", 1, 3), Phase.LOADING, 0, "test", True, 0.0, 0.0))
    versions("prune", out, "--keep", "1", "--yes")
    assert left(out) == {1, 2, 3, 5}


def test_gateway_yaml_keeps_what_it_pins_and_its_models_config_counts_too(out: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.config"
    other.write_text(
        'model_config_list { config { name: "words" base_path: "/srv/words" version_labels { key: "a" value: 2 } } }'
    )
    (tmp_path / "gateway.yaml").write_text(
        f'upstreams: {{gpu: {{replicas: ["127.0.0.1:8500"], models_config: {other}}}}}\n'
        "models: {digits: {versions: managed, version: 3, labels: {old: 1}}}\n"
    )
    result = versions("prune", out, "--keep", "1", "--yes", "--config", tmp_path / "gateway.yaml")
    assert result.exit_code == 0, result.output
    assert (left(out), left(out, "words")) == ({1, 2, 3, 5}, {2, 5})


REFUSALS = {
    "a state directory that isn't there": ("--state-dir", "gone", "No such file or directory"),
    "a gateway.yaml that isn't there": ("--config", "gone.yaml", "can't be read"),
    "a models.config that isn't there": ("--models-config", "gone.config", "is not there"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_read_means_that_nothing_goes(out: Path, name: str) -> None:
    option, path, words = REFUSALS[name]
    result = versions("prune", out, "--keep", "1", "--yes", option, path)
    assert result.exit_code == 2
    assert words in result.stderr
    assert left(out) == {1, 2, 3, 4, 5}


def test_a_broken_state_means_that_nothing_goes_of_any_model(out: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / FOLDER).mkdir(parents=True)
    (tmp_path / "state" / FOLDER / "digits.json").write_text("{")
    result = versions("prune", out, "--keep", "1", "--yes", "--state-dir", tmp_path / "state")
    assert (result.exit_code, left(out), left(out, "words")) == (2, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})
    assert "digits.json" in result.stderr


def test_a_policy_that_loads_all_versions_means_that_nothing_goes(out: Path) -> None:
    config = out / "models.config"
    config.write_text(config.read_text().replace("specific { versions: 2 }", "all {}"))
    result = versions("prune", out, "--keep", "1", "--yes")
    assert (result.exit_code, left(out), left(out, "words")) == (2, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})
    assert "servers load all its versions" in result.stderr
    assert versions("prune", out, "--keep", "1", "--yes", "--name", "words").exit_code == 0


@pytest.mark.parametrize("verb", ["list", "prune", "verify"])
def test_a_model_that_is_not_there_is_named_with_those_that_are(out: Path, verb: str) -> None:
    result = versions(verb, out, "--name", "digit")
    assert result.exit_code == 2
    assert "has no versions of digit; models with versions there: digits, words" in result.stderr
    assert versions(verb, out / "gone").exit_code == 2


@pytest.mark.parametrize("keep", ["0", "-1", "x"])
def test_a_number_to_keep_is_at_least_1(out: Path, keep: str) -> None:
    assert versions("prune", out, "--keep", keep, "--yes").exit_code == 2
    assert left(out) == {1, 2, 3, 4, 5}


def test_pruning_with_nothing_to_remove_cleans_up_after_a_killed_one(out: Path) -> None:
    (out / "digits" / ".1.removed-00ff").mkdir()
    result = versions("prune", out, "--keep", "9", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["leftovers"] == [str(out / "digits" / ".1.removed-00ff")]
    assert not (out / "digits" / ".1.removed-00ff").exists()
