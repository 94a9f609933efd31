"""A removal that is killed harms nobody: what it left is no version, and the next one cleans up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from export.publish import LOCK_NAME, Staging
from export.removal import remove
from export.versions import temporary_dirs
from tests.unit.export.test_removal import models, pruning, quietly

KILLED_IN_THE_MIDDLE = """
import sys
from pathlib import Path
from export.in_use import Sources
from export.removal import Pruning, plan, remove

def wait(text):
    print(text, flush=True)
    sys.stdin.read()

base = Path(sys.argv[1])
asked = Pruning((base,), 1, Sources((base.parent / "models.config",), lambda names: []))
remove(asked, {path: each.remove for path, each in plan(asked).items()}, wait)
"""


@pytest.fixture(name="killed")
def _killed(tmp_path: Path) -> Path:
    """A model whose pruning was killed after its versions were taken out of service, before they were deleted."""
    base = models(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == b"Deleting digits version 1\n"
        with Staging(base, None):  # one that runs is not disturbed by an export meanwhile
            assert sorted(temporary_dirs(base).values()) == [1, 2, 3, 4, 6]
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    return base


def test_a_killed_pruning_leaves_nothing_that_a_server_takes_for_a_version(killed: Path) -> None:
    numbers = [path.name for path in killed.iterdir() if path.name.isdigit()]
    assert numbers == ["5"]
    assert sorted(temporary_dirs(killed).values()) == [1, 2, 3, 4]


def test_the_next_export_removes_what_a_killed_pruning_left(killed: Path) -> None:
    with Staging(killed, None) as staging:
        assert len(staging.removed_stale) == 4
        assert staging.version == 6
    assert {path.name for path in killed.iterdir()} == {"5", LOCK_NAME}


def test_the_next_pruning_removes_what_a_killed_one_left(killed: Path) -> None:
    done = remove(pruning(killed), {}, quietly)
    assert len(done.stale) == 4 and done.versions == {}
    assert {path.name for path in killed.iterdir()} == {"5", LOCK_NAME}
