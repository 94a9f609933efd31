"""A fake PredictionService in its own process, and the load test as its users start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtests.digits import digit_rows
from loadtests.rows import Row, save_rows

DEADLINE_S = 60.0
ROOT = Path(__file__).parents[3]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until true. Raises: TimeoutError after DEADLINE_S."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {DEADLINE_S} s for {what}")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Fake:
    """The running fake: its address and its plan."""

    address: str
    folder: Path

    def plan(self, **changes: Any) -> None:
        """Make the fake behave so from now on (see tests.fakes.predict_server)."""
        plan: dict[str, Any] = {"arms": [["stable", "1", 90], ["canary", "2", 10]], "faults": [], "every": 1}
        beside = self.folder / "plan.tmp"
        beside.write_text(json.dumps(plan | changes))
        beside.replace(self.folder / "plan.json")

    def calls(self) -> int:
        """Calls answered so far, in hundreds."""
        path = self.folder / "calls"
        return int(path.read_text()) if path.exists() else 0

    def wait_for_calls(self, more: int) -> None:
        """Wait until so many more calls arrived."""
        wanted = self.calls() + more
        wait_until(lambda: self.calls() >= wanted, f"{more} calls")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    folder = tmp_path / "fake"
    folder.mkdir()
    Fake("", folder).plan()
    command = [sys.executable, "-m", "tests.fakes.predict_server", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True) as process:
        try:
            wait_until((folder / "port").exists, "the fake's port")
            yield Fake(f"127.0.0.1:{(folder / 'port').read_text()}", folder)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Real scikit-learn digits."""
    return digit_rows(50)


@pytest.fixture
def requests_file(tmp_path: Path, rows: list[Row]) -> Path:
    path = tmp_path / "digits.jsonl"
    save_rows(path, rows)
    return path


@dataclass(frozen=True, slots=True)
class Run:
    """An ended `tidegate loadtest`."""

    status: int
    summary: dict[str, Any]
    out: str
    err: str


def start(fake: Fake, requests_file: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `tidegate loadtest` in its own session, 8 users and 200 keys, at most 60 s; the caller ends it."""
    command = [sys.executable, "-m", "cli.main", "loadtest", "--address", fake.address, "--users", "8"]
    command += ["--keys", "200", "--connections", "2", "--run-time", "60s", "--requests", str(requests_file)]
    command += ["--summary-file", str(fake.folder / "summary.json"), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, start_new_session=True, env=environment
    )


def finish(process: subprocess.Popen[str], fake: Fake) -> Run:
    """Wait for the end and read the summary."""
    with process:
        try:
            out, err = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    path = fake.folder / "summary.json"
    return Run(process.returncode, json.loads(path.read_text()) if path.exists() else {}, out, err)
