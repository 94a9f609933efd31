"""State files are read strictly and replaced whole."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.rollout.plan import Plan
from gateway.rollout.state import Phase, RolloutState
from gateway.rollout.store import CorruptState, from_json, replace_file, restore, save, to_json

STATE = RolloutState(
    Plan("digits", 1, 3, (12.5, 100.0), 2.0, 0.1, True), Phase.STEPPING, 1, "why\nnot", True, 10.5, 20.25
)


@pytest.mark.parametrize("phase", list(Phase))
def test_what_was_saved_is_restored_in_every_phase(tmp_path: Path, phase: Phase) -> None:
    state = RolloutState(STATE.plan, phase, 0, "r", False, 1.0, 2.0)
    save(tmp_path, state)
    save(tmp_path, STATE)
    assert restore(tmp_path).states == {"digits": STATE}
    assert from_json(to_json(state)) == state


def _with(**changes: Any) -> str:
    return json.dumps({**json.loads(to_json(STATE)), **changes})


def _plan(**changes: Any) -> str:
    return _with(plan={**json.loads(to_json(STATE))["plan"], **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "file: Invalid JSON"),
        ("[]", "file: Input should be"),
        (to_json(STATE)[:-20], "file: Invalid JSON"),
        (_with(format=2), "format: Input should be 1"),
        (_with(phase="dancing"), "phase: Input should be 'loading'"),
        (_with(added="yes"), "added: Input should be a valid boolean"),
        (_with(extra=1), "extra: Extra inputs are not permitted"),
        (_with(step_index=2), "step_index: 2, but the plan has 2 steps"),
        (_with(step_index=-1), "step_index: -1, but"),
        (_plan(to_version=1), "plan.to_version: 1 is the promoted version already"),
        (_plan(hold_s="5"), "plan.hold_s: Input should be a valid number"),
        (_plan(steps_percent=[5]), "plan.steps_percent: 5 ends at 5, must end at 100"),
    ],
)
def test_a_corrupt_state_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(CorruptState) as failed:
        from_json(text)
    assert words in str(failed.value)


def test_a_corrupt_file_is_one_problem_and_others_are_restored(tmp_path: Path) -> None:
    save(tmp_path, STATE)
    (tmp_path / "rollouts" / "letters.json").write_bytes(b"\xff\xfe")
    (tmp_path / "rollouts" / "other.json").write_text(to_json(STATE))
    restored = restore(tmp_path)
    assert list(restored.states) == ["digits"]
    assert len(restored.problems) == 2
    assert "letters.json: file: Invalid JSON" in restored.problems[0]
    assert "other.json: plan.model: is 'digits', must match the file's name" in restored.problems[1]


def test_an_empty_or_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert restore(tmp_path).states == {}


def test_a_replaced_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    replace_file(link, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode), link.is_symlink()) == ("new", 0o640, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(file, "\ud800")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
