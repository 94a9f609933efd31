"""What the command line of an export ends with when it fails: words for people, JSON for programs, an exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.command import command, error_facts
from export.errors import (
    BadDataError,
    ExportError,
    InterruptedExportError,
    PublishedError,
    VariantRefusedError,
)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (BadDataError("d.npz: no x_test"), {}),
        (PublishedError("version 3 is published", Path("out/m/3")), {"version_dir": "out/m/3"}),
        (VariantRefusedError("slower", {"verdict": {}}), {"refused": {"verdict": {}}}),
        (InterruptedExportError("stopped by SIGTERM; nothing was published"), {}),
        (InterruptedExportError("stopped; version 3 is published", Path("out/m/3")), {"version_dir": "out/m/3"}),
    ],
)
def test_programs_get_the_class_the_message_and_what_is_published(
    error: ExportError | InterruptedExportError, facts: dict[str, object]
) -> None:
    assert error_facts(error) == {"error": type(error).__name__, "message": str(error), **facts}


def test_a_refusal_is_words_on_stderr_and_json_on_stdout(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "none.keras"), "--name", "m", "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(command, arguments)
    told = json.loads(result.stdout)
    assert result.exit_code == 2
    assert told["error"] == "BadModelFileError"
    assert result.stderr == f"error: {told['message']}\n"
    assert "none.keras" in told["message"]
