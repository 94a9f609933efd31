"""A child process has an owner: it is waited for, asked to end, killed, and does not outlive whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.children import LOG_TAIL_LINES, Child, ChildFailed

DEADLINE_S = 60.0
# Writes its port as the programs do, then lives until its standard input ends.
SERVER = """
import pathlib, sys
draft = pathlib.Path(sys.argv[1] + ".tmp")
draft.write_text(sys.argv[2])
draft.replace(sys.argv[1])
print("serving", flush=True)
sys.stdin.read()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER


class Children:
    """Makes children in one folder and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Child] = []

    def make(self, program: str, told: str = "7") -> Child:
        port_file = self.folder / "port"
        argv = [sys.executable, "-c", program, str(port_file), told]
        child = Child("the server", argv, self.folder / "log", port_file)
        self._made.append(child)
        return child

    def close(self) -> None:
        for child in self._made:
            child.kill()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("told", ["8500", '{"port": 8500, "http_port": 9090}'])
def test_a_child_is_ready_once_it_tells_its_port(told: str, children: Children) -> None:
    child = children.make(SERVER, told)
    child.start()
    assert child.wait_ready(DEADLINE_S) == 8500
    assert (child.running, child.status) == (True, None)


def test_a_child_that_dies_at_start_is_told_with_its_status_and_last_words(children: Children) -> None:
    child = children.make("import sys; print('no model', 'here', sep='\\n'); sys.exit(3)")
    child.start()
    with pytest.raises(ChildFailed, match=r"^the server ended at start \(status 3\):\n  \| no model\n  \| here$"):
        child.wait_ready(DEADLINE_S)


def test_a_child_that_never_tells_its_port_is_given_up(children: Children) -> None:
    child = children.make("import sys; sys.stdin.read()")
    child.start()
    with pytest.raises(ChildFailed, match=r"^the server is not ready after 0 s:\n"):
        child.wait_ready(0)
    assert child.running


def test_who_is_told_to_stop_waits_no_longer(children: Children) -> None:
    child = children.make("import sys; sys.stdin.read()")
    child.start()
    assert child.wait_ready_unless(DEADLINE_S, lambda: True) is None


def test_last_words_are_those_of_this_start_and_few(children: Children) -> None:
    child = children.make("print(*range(100), sep='\\n')")
    child.log.write_text("words of an earlier run\n")
    child.start()
    with pytest.raises(ChildFailed):
        child.wait_ready(DEADLINE_S)
    assert child.last_words().splitlines() == [f"  | {number}" for number in range(100 - LOG_TAIL_LINES, 100)]
    assert child.log.read_text().startswith("words of an earlier run\n0\n")
    silent = children.make("pass")
    silent.start()
    assert silent.stop(DEADLINE_S)
    assert silent.last_words() == "  | (it wrote nothing)"


def test_a_stale_port_of_an_earlier_start_is_not_believed(children: Children) -> None:
    child = children.make(SERVER, "8500")
    assert child.port_file is not None
    child.port_file.write_text("1")
    child.start()
    assert child.wait_ready(DEADLINE_S) == 8500


def test_stop_asks_and_waits(children: Children) -> None:
    child = children.make(SERVER)
    child.start()
    child.wait_ready(DEADLINE_S)
    assert child.stop(DEADLINE_S)
    assert (child.running, child.status) == (False, -signal.SIGTERM)
    assert child.stop(DEADLINE_S), "stopping twice is of no consequence"


def test_a_child_that_does_not_end_when_asked_is_killed(children: Children) -> None:
    child = children.make(STUBBORN)
    child.start()
    child.wait_ready(DEADLINE_S)
    assert not child.stop(0.2)
    assert child.status == -signal.SIGKILL


def test_a_child_can_be_started_again(children: Children) -> None:
    child = children.make(SERVER, "8500")
    for _ in range(2):
        child.start()
        assert child.wait_ready(DEADLINE_S) == 8500
        child.kill()


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_only_its_owner(children: Children) -> None:
    child = children.make(f"import os, sys; sys.argv[2] = str(os.getsid(0))\n{SERVER}")
    child.start()
    assert child.wait_ready(DEADLINE_S) != os.getsid(0)


OWNER = """
import sys
from pathlib import Path
from cli.children import Child
folder = Path(sys.argv[1])
program = "import os, sys; sys.argv[2] = str(os.getpid())\\n" + sys.argv[2]
argv = [sys.executable, "-c", program, str(folder / "port"), ""]
child = Child("grandchild", argv, folder / "log", folder / "port")
child.start()
print(child.wait_ready(60), flush=True)
sys.stdin.read()
"""


def test_a_killed_owner_leaves_no_orphan(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        grandchild = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    assert psutil.wait_procs([grandchild], timeout=DEADLINE_S)[1] == []
