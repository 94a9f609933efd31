"""deploy/first_model.sh makes what is missing, recovers from what was interrupted, and touches nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contracts.compose import ROOT

SCRIPT = ROOT / "deploy" / "first_model.sh"

# It does on disk what an export does: the version first, models.config last; it can be told to die between the two.
TIDEGATE = """#!/bin/sh
echo "tidegate $*" >> "$LOG"
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=$2 ;;
        --version) version=$2 ;;
    esac
    shift
done
[ ! -e "$out/digits/$version" ] || { echo "error: version $version exists" >&2; exit 2; }
mkdir -p "$out/digits/$version"
echo new > "$out/digits/$version/saved_model.pb"
[ -z "${DIES:-}" ] || exit 137
printf 'model_config_list { config { name: "digits" } }' > "$out/models.config"
"""
PYTHON = """#!/bin/sh
echo "python $*" >> "$LOG"
while [ $# -gt 0 ]; do
    case $1 in
        --out) printf 'half' > "$2"; [ -z "${DIES:-}" ] || exit 137; printf 'whole' > "$2" ;;
    esac
    shift
done
"""


class House:
    """Two volumes, and a PATH whose `tidegate` and `python` are stand-ins that behave like them on disk."""

    def __init__(self, folder: Path) -> None:
        self.models, self.requests, self.log = folder / "models", folder / "requests", folder / "log"
        self._bin = folder / "bin"
        for path in (self.models, self.requests, self._bin):
            path.mkdir()
        for name, text in (("tidegate", TIDEGATE), ("python", PYTHON)):
            (self._bin / name).write_text(text)
            (self._bin / name).chmod(0o755)

    def start(self, dies: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the script; its commands are then in the log."""
        self.log.write_text("")
        environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "TIDEGATE_MODELS": str(self.models),
            "TIDEGATE_REQUESTS": str(self.requests),
            **({"DIES": "yes"} if dies else {}),
        }
        return subprocess.run(
            ["sh", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def commands(self) -> list[str]:
        return [" ".join(line.split()[:3]) for line in self.log.read_text().splitlines()]

    def is_whole(self) -> bool:
        return (self.models / "models.config").is_file() and (self.models / "digits" / "1").is_dir()


@pytest.fixture(name="house")
def _house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_into_empty_volumes_it_trains_exports_version_1_and_writes_the_rows(house: House) -> None:
    assert house.start().returncode == 0
    assert house.commands()[0].startswith("python -m cli.demo.model")
    assert house.commands()[2] == "python -m loadtests.digits"
    (export,) = [line for line in house.log.read_text().splitlines() if line.startswith("tidegate export ")]
    assert "--version 1 " in export and "--version-policy specific:1" in export
    assert "--served-base-path /models " in export
    assert house.is_whole()
    assert (house.requests / "digits.jsonl").read_text() == "whole"


def test_a_second_start_does_nothing(house: House) -> None:
    house.start()
    assert house.start().returncode == 0
    assert house.commands() == []


def test_after_an_export_that_died_before_models_config_the_next_start_is_whole_and_deletes_nothing(
    house: House,
) -> None:
    assert house.start(dies=True).returncode != 0
    assert not house.is_whole()
    (house.models / "digits" / "1" / "mine").write_text("kept")
    done = house.start()
    assert done.returncode == 0, done.stderr
    assert house.is_whole()
    (aside,) = (house.models / "digits").glob("interrupted-*")
    assert (aside / "1" / "mine").read_text() == "kept"
    assert str(aside) in done.stderr
    assert house.start().returncode == 0 and house.commands() == []


def test_a_configuration_of_other_models_is_no_sign_that_digits_was_exported(house: House) -> None:
    (house.models / "models.config").write_text('model_config_list { config { name: "other" } }')
    assert house.start().returncode == 0
    assert house.is_whole()


def test_versions_that_rollouts_brought_are_left_alone(house: House) -> None:
    (house.models / "digits" / "4").mkdir(parents=True)
    text = 'model_config_list { config { name: "digits" } }  # 4'
    (house.models / "models.config").write_text(text)
    assert house.start().returncode == 0
    assert house.commands() == ["python -m loadtests.digits"]
    assert (house.models / "models.config").read_text() == text


def test_half_written_rows_are_written_again(house: House) -> None:
    house.start()
    (house.requests / "digits.jsonl").unlink()
    assert house.start(dies=True).returncode != 0
    assert not (house.requests / "digits.jsonl").exists()
    assert house.start().returncode == 0
    assert (house.requests / "digits.jsonl").read_text() == "whole"
