"""The compiled build: made of the sources as they are, beside them and never among them, and it says what it is."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.compiled.modules import COPIED, HOT, hot_files
from deploy.compiled.stamp import FOLDER, STAMP, digest, is_current
from tests.fakes.gateway_process import ROOT, GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import answer_of, predict_message

BUILD_S = 900.0


def test_every_listed_module_exists_and_is_copied() -> None:
    files = hot_files(ROOT)
    assert len(files) == len(set(files)) >= len(HOT)
    for file in files:
        assert (ROOT / file).is_file()
        assert file.split("/")[0] in COPIED


def test_a_listed_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gateway/call\.py is listed"):
        hot_files(tmp_path)


def classes(file: str) -> Iterator[tuple[ast.ClassDef, set[str]]]:
    """The classes of a source file, each with the full names of its bases, as far as they are imported by name."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    full = {name.asname or name.name: f"{node.module}.{name.name}" for node in froms for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node, {full.get(ast.unparse(base).partition("[")[0], "") for base in node.bases}


def test_no_interpreted_class_inherits_from_a_compiled_one_which_python_refuses_when_it_is_first_made() -> None:
    hot = set(hot_files(ROOT))
    compiled = {
        f"{file.removesuffix('.py').replace('/', '.')}.{node.name}"
        for file in hot
        for node, bases in classes(file)
        if not bases & {"typing.Protocol", "typing.NamedTuple"}
    }
    interpreted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway").rglob("*.py")} - hot
    assert "gateway.http2.shell.link.Link" in compiled
    assert {file for file in interpreted for _, bases in classes(file) if bases & compiled} == set()


def test_no_compiled_exception_has_attributes_of_its_class_which_mypyc_loses() -> None:
    for file in hot_files(ROOT):
        for node, _ in classes(file):
            if any(ast.unparse(base).endswith(("Exception", "Error")) for base in node.bases):
                assert [type(item) for item in node.body if isinstance(item, ast.Assign | ast.AnnAssign)] == [], (
                    node.name
                )


def test_no_extension_lies_among_the_sources() -> None:
    assert [path for name in COPIED for path in (ROOT / name).rglob("*.so")] == []


def test_a_build_is_current_until_a_source_changes(tmp_path: Path) -> None:
    for name in (*COPIED, "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest(tmp_path)
    assert before == digest(tmp_path) == digest()
    with (tmp_path / "gateway" / "call.py").open("a", encoding="utf-8") as source:
        source.write("\n")
    assert digest(tmp_path) != before


def test_a_folder_with_another_stamp_or_none_is_not_current(tmp_path: Path) -> None:
    assert not is_current(tmp_path)
    (tmp_path / STAMP).write_text(f"{digest()}\n", encoding="ascii")
    assert is_current(tmp_path)
    (tmp_path / STAMP).write_text("of other sources\n", encoding="ascii")
    assert not is_current(tmp_path)


@pytest.fixture(scope="module")
def compiled() -> Path:
    """The build's folder, up to date."""
    command = [sys.executable, "-m", "deploy.compiled"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return FOLDER


async def serves_as(folder: Path, code: Path, build: str) -> None:
    """A gateway with its code from there answers, and says which build it is."""
    replica = FakeReplica()
    flags = ("--upstream", await replica.start(), "--port", "0", "--http-port", "0")
    gateway = GatewayProcess(folder, *flags, gateway_dir=code)
    try:
        await gateway.start()
        for value in ([1.0, 2.0], [3.0, 4.0]):
            assert await gateway.predict(predict_message(value)) == (1, answer_of(value, 1))
        assert await gateway.metric("tidegate_build_info", build=build) == 1.0
        assert await gateway.metric("tidegate_requests_total", code="OK") == 2.0
        assert f'"build": "{build}"' in gateway.log
    finally:
        assert await gateway.stop() == 0
        await replica.stop()


@pytest.mark.slow
async def test_a_gateway_started_in_the_build_serves_compiled(compiled: Path, tmp_path: Path) -> None:
    await serves_as(tmp_path, compiled, "compiled")


@pytest.mark.slow
async def test_a_gateway_started_from_the_sources_serves_interpreted(tmp_path: Path) -> None:
    await serves_as(tmp_path, ROOT, "interpreted")
