"""However it is ended, a load test ends, and never leaves a process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.loadtests.conftest import DEADLINE_S, ROOT, Fake, finish, start, wait_until

pytestmark = pytest.mark.slow


def test_sigterm_ends_gracefully_with_a_summary_and_no_failed_call(fake: Fake, requests_file: Path) -> None:
    process = start(fake, requests_file)
    fake.wait_for_calls(300)
    process.send_signal(signal.SIGTERM)
    run = finish(process, fake)
    assert run.status == 0, run.err
    assert run.summary["calls"] >= 200
    assert run.summary["failed_calls"] == 0


def test_the_generator_ends_when_its_owner_is_killed(fake: Fake, requests_file: Path) -> None:
    process = start(fake, requests_file)
    fake.wait_for_calls(100)
    (generator,) = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    wait_until(lambda: not generator.is_running() or generator.status() == psutil.STATUS_ZOMBIE, "the generator's end")


def test_the_run_time_bounds_a_test_that_nobody_ends(fake: Fake, requests_file: Path) -> None:
    run = finish(start(fake, requests_file, "--run-time", "1s"), fake)
    assert run.status == 0, run.err
    assert run.summary["calls"] > 0


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "loadtest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=DEADLINE_S, check=False)


def test_a_server_that_is_not_there_is_one_clear_message(requests_file: Path) -> None:
    done = cli("--address", "127.0.0.1:1", "--requests", str(requests_file), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "127.0.0.1:1: 1 problem" in done.stderr
    assert "UNAVAILABLE" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--address", "10.1.2.3:8500"), "10.1.2.3 is not this machine"),
        (("--run-time", "2h"), "at most 3600 s"),
        (("--run-time", "soon"), "no length of time"),
        (("--users", "0"), "--users is 0"),
        (("--requests", "absent.jsonl"), "absent.jsonl is not a file"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_starts(arguments: tuple[str, ...], complaint: str) -> None:
    done = cli(*arguments, "--json")
    assert done.returncode == 2
    assert complaint in done.stderr and "Traceback" not in done.stderr
