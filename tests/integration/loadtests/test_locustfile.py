"""Plain Locust with its web page runs the same file, and the generator stays slim."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.loadtests.conftest import DEADLINE_S, ROOT, Fake, wait_until

pytestmark = pytest.mark.slow


def fetch(url: str, form: dict[str, str] | None = None) -> str:
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=10) as response:
        text: str = response.read().decode()
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def page(fake: Fake, requests_file: Path) -> Iterator[str]:
    """URL of Locust's web page, before any test was started on it."""
    port = free_port()
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--host", fake.address]
    command += ["--web-host", "127.0.0.1", "--web-port", str(port), "--requests", str(requests_file)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdin=subprocess.DEVNULL) as process:

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_until(listens, "Locust's page")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_the_web_page_shows_our_options_and_drives_checked_calls(page: str, fake: Fake) -> None:
    assert "key_header" in fetch(page)
    form = {"user_count": "4", "spawn_rate": "4", "host": fake.address, "run_time": "30s", "keys": "50"}
    assert json.loads(fetch(f"{page}/swarm", form))["success"]
    fake.wait_for_calls(300)

    def entry() -> dict[str, Any]:
        entries = json.loads(fetch(f"{page}/stats/requests"))["stats"]
        return next((one for one in entries if one["name"] == "Predict digits"), {"num_requests": 0})

    wait_until(lambda: entry()["num_requests"] > 100, "calls on the page")
    assert entry()["num_failures"] == 0
    fetch(f"{page}/stop", {"now": "1"})
    wait_until(lambda: json.loads(fetch(f"{page}/stats/requests"))["state"] == "stopped", "the test's end")


def test_a_remote_host_typed_into_the_page_gets_no_load(page: str) -> None:
    form = {"user_count": "1", "spawn_rate": "1", "host": "192.0.2.1:8500"}
    fetch(f"{page}/swarm", form)
    wait_until(lambda: "is not this machine" in fetch(f"{page}/logs"), "the refusal in the page's log")


def test_the_generator_loads_neither_tensorflow_nor_numpy() -> None:
    code = (
        "import loadtests.locustfile, sys; print([m for m in sys.modules if m in ('tensorflow', 'numpy', 'sklearn')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=DEADLINE_S, check=True
    )
    assert done.stdout.strip() == "[]"
