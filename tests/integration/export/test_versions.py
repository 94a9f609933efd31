"""`tidegate versions verify` on versions that TensorFlow wrote: damage is named, what can't be told is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from export.checksums import CHECKSUMS_NAME, write_checksums
from export.signature import read_signature
from export.version_check import check_version
from export.version_facts import MANIFEST_NAME

pytestmark = pytest.mark.slow


@pytest.fixture(name="written", scope="module")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel as TensorFlow writes it."""
    import tensorflow as tf

    class Half(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
        def __init__(self) -> None:
            super().__init__()
            self.half = tf.Variable(0.5)

        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, "x")])  # type: ignore[untyped-decorator]  # as above
        def __call__(self, x: object) -> object:
            return {"y": x * self.half}

    path = tmp_path_factory.mktemp("written") / "1"
    module = Half()
    tf.saved_model.save(module, str(path), signatures=module.__call__)
    return path


@pytest.fixture(name="version")
def _version(written: Path, tmp_path: Path) -> Path:
    """Version 1 of `half` as an export publishes it."""
    version = tmp_path / "half" / "1"
    shutil.copytree(written, version)
    manifest = {"name": "half", "version": 1, "signature": read_signature(version).as_json()}
    (version / MANIFEST_NAME).write_text(json.dumps(manifest))
    write_checksums(version)
    return version


def verify(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["versions", "verify", "--out", str(out), *arguments])


def test_a_version_as_published_is_well(version: Path) -> None:
    result = verify(version.parents[1])
    assert (result.exit_code, result.stdout) == (0, "half version 1: as published\n")


def test_a_version_without_checksums_can_not_be_verified_and_is_not_wrong(version: Path) -> None:
    (version / CHECKSUMS_NAME).unlink()
    (version / MANIFEST_NAME).unlink()
    result = verify(version.parents[1])
    assert result.exit_code == 0
    assert "it has no checksums" in result.stdout
    (facts,) = json.loads(verify(version.parents[1], "--json").stdout)
    assert (facts["verifiable"], facts["problems"]) == (False, [])


def test_every_problem_of_every_version_is_told_at_once(version: Path) -> None:
    shutil.copytree(version, version.parent / "2")  # export.json and checksums of version 1
    (version / "variables" / "variables.index").write_bytes(b"damaged")
    (version / "notes.txt").write_text("mine")
    result = verify(version.parents[1])
    assert result.exit_code == 1
    assert "half version 1: 2 problems\n  variables/variables.index: changed" in result.stdout
    assert "  notes.txt: not there when it was published" in result.stdout
    assert "half version 2: 1 problem\n  export.json: says version 1, the folder says 2" in result.stdout
    assert verify(version.parents[1], "--version", "2").stdout.count("half version") == 1


def test_a_version_asked_for_that_is_not_there_is_an_error(version: Path) -> None:
    result = verify(version.parents[1], "--version", "7")
    assert result.exit_code == 2
    assert "has no version 7" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("saved_model.pb", b"\xff\xff", "is damaged"),
        ("saved_model.pb", b"", "has no signature"),
        ("saved_model.pb", None, "no saved_model.pb or model.tflite"),
        ("model.tflite", b"no model", "model.tflite"),
        (MANIFEST_NAME, b"{", "export.json: no JSON object"),
        (MANIFEST_NAME, b'{"name": "half", "version": 1}', "its signature isn't the model's"),
        (MANIFEST_NAME, b'{"name": "other"}', "says model 'other', the folder says 'half'"),
    ],
)
def test_a_model_that_a_server_could_not_load_or_that_is_another_is_named(
    version: Path, name: str, content: bytes | None, words: str
) -> None:
    (version / CHECKSUMS_NAME).unlink()  # so that what is read speaks, not its checksum
    (version / name).unlink(missing_ok=True)
    if content is not None:
        (version / name).write_bytes(content)
    checked = check_version(1, version)
    assert [problem for problem in checked.problems if words in problem], checked.problems
