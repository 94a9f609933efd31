"""Images install exactly what their programs need, each package pinned with its hashes, and run without privileges."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from packaging.requirements import Requirement

from cli.main import main as tidegate
from tests.contracts.compose import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))


@pytest.fixture(scope="module")
def pins() -> ModuleType:
    """deploy/pins.py, which is a script and no package."""
    spec = importlib.util.spec_from_file_location("pins", DEPLOY / "pins.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(*wanted: str) -> set[str]:
    command = [sys.executable, str(DEPLOY / "pins.py"), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=True)
    blocks = re.split(r"\n(?=\S)", done.stdout.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    return {block.partition("==")[0].lower().replace("_", "-") for block in blocks}


def closure(names: list[str], canonical: Any) -> set[str]:
    """What the installed packages themselves say they need, extras and markers considered."""
    found: set[str] = set()
    queue = [Requirement(name) for name in names]
    while queue:
        wanted = queue.pop()
        key = canonical(wanted.name) + str(sorted(wanted.extras))
        if key in found:
            continue
        found.add(key)
        for text in distribution(wanted.name).requires or []:
            need = Requirement(text)
            extras = wanted.extras or {""}
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                queue.append(need)
    return {key.partition("[")[0] for key in found}


@pytest.mark.parametrize("wanted", ["tidegate", "tidegate[loadtest]", "tidegate[export]"])
def test_an_image_gets_all_that_its_packages_say_they_need(pins: ModuleType, wanted: str) -> None:
    needed = closure([wanted], pins.canonical) - {"tidegate"}
    assert needed <= pinned(wanted)


def test_the_gateways_image_has_neither_tensorflow_nor_numpy_nor_locust() -> None:
    assert not pinned("tidegate") & {"tensorflow", "numpy", "keras", "locust", "gevent"}


def test_a_package_without_a_pin_is_refused() -> None:
    command = [sys.executable, str(DEPLOY / "pins.py"), "no-such-package"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 1
    assert "no pin for 'no-such-package'" in done.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_copies_what_exists_checks_hashes_and_drops_root(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    copied = [source for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M) for source in line.split()[:-1]]
    ignore = (path.parent / f"{path.name}.dockerignore").read_text(encoding="utf-8").splitlines()
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == kept[1:] or source.startswith(f"{kept[1:]}/") for kept in ignore if kept[0] == "!"), source
    assert "--require-hashes" in text
    assert re.findall(r"^USER (.+)$", text, re.M)[-1] == "tidegate"
    assert "latest" not in text


def commands() -> list[tuple[str, list[str]]]:
    """Every `tidegate NAME ...` that an image, a script or docs/deploy.md runs, with the file it stands in."""
    found = []
    for path in [*DOCKERFILES, DEPLOY / "first_model.sh", ROOT / "docs" / "deploy.md"]:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^\s*(?:CMD \[|docker compose .*? )?\"?(tidegate\"?,? .*)$", text, re.M):
            found.append((path.name, line.translate(str.maketrans('",[]', "    ")).split()[1:]))
    return found


@pytest.mark.parametrize(("where", "arguments"), commands())
def test_a_command_that_is_run_exists_with_its_options(where: str, arguments: list[str]) -> None:
    command: click.Command | None = tidegate
    words = iter(arguments)
    while isinstance(command, click.Group):
        word = next(words)
        command = command.get_command(click.Context(command), word)
        assert command is not None, f"{where}: tidegate {word}"
    assert command is not None
    options = {text for parameter in command.params for text in [*parameter.opts, *parameter.secondary_opts]}
    assert {text for text in words if text.startswith("--")} <= options


def test_commands_were_found_in_every_place() -> None:
    assert {where for where, _ in commands()} == {"gateway.Dockerfile", "first_model.sh", "deploy.md"}
    assert {arguments[0] for _, arguments in commands()} == {"gateway", "export", "status", "rollout"}


def test_the_first_models_script_is_valid_shell() -> None:
    subprocess.run(["sh", "-n", str(DEPLOY / "first_model.sh")], timeout=10, check=True)
