"""What `tidegate up` and `tidegate gateway` refuse before anything is started: exit status 2 and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.up import CannotStart, claim


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["up", "--model-dir", ".", "--port", "99999"], "99999 is not in the range"),
        (["up", "--model-dir", ".", "--http-port", "-3"], "-3 is not in the range"),
        (["up", "--model-dir", ".", "--drain-timeout", "-1"], "-1.0 is not in the range"),
        (["up", "--model-dir", ".", "--port", "7", "--http-port", "7"], "--http-port 7 is already --port"),
        (["gateway", "--config", "x.yaml", "--port", "7", "--no-batching"], "--port, --no-batching: not with --config"),
        (["gateway"], "give either --config FILE or --upstream"),
    ],
)
def test_options_that_cannot_be_are_refused(words: list[str], told: str) -> None:
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, told in result.output) == (2, True), result.output


def test_a_state_directory_belongs_to_one_up_at_a_time(tmp_path: Path) -> None:
    claim(tmp_path)
    with pytest.raises(CannotStart, match="another `tidegate up` runs with it; give another --state-dir"):
        claim(tmp_path)


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(main, ["demo", "--dir", str(tmp_path)])
    assert (result.exit_code, "no demo made it" in result.output) == (2, True), result.output
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"
