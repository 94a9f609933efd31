"""`tidegate up` with the real programs: serves, drains on ctrl-C, leaves no orphans, says what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import grpc
import psutil
import pytest

from tests.e2e.programs import CALL_S, STOP_S, predict, refusal, tidegate, until
from tests.fakes.tensors import PREDICT, answer_of, predict_message

pytestmark = pytest.mark.slow


class Up:
    """A `tidegate up` in the foreground of nobody."""

    def __init__(self, folder: Path, model_dir: Path, *words: str) -> None:
        self.state_dir = folder / "s"
        self._out = folder / "out"
        argv = [sys.executable, "-m", "cli.main", "up", "--model-dir", str(model_dir), "--port", "0"]
        argv += ["--http-port", "0", "--state-dir", str(self.state_dir), *words]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )

    @property
    def said(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def wait_serving(self) -> str:
        """The gateway's address, once it serves."""
        found = until(self._serving, f"`up` to serve; it said\n{self.said}")
        return f"127.0.0.1:{found}"

    def _serving(self) -> str | None:
        assert self.process.poll() is None, self.said
        found = re.search(r"serving at 127\.0\.0\.1:(\d+) \(gRPC\); pages at", self.said)
        return found and found[1]

    def in_flight(self) -> float:
        """Calls that the gateway has out on the backend."""
        port = re.search(r"pages at http://127\.0\.0\.1:(\d+)/", self.said)
        assert port is not None, self.said
        pages = HTTPConnection("127.0.0.1", int(port[1]), timeout=CALL_S)
        pages.request("GET", "/metrics")
        lines = pages.getresponse().read().decode().splitlines()
        pages.close()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("tidegate_in_flight{"))

    def children(self) -> dict[str, psutil.Process]:
        """backend and gateway by name."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return {name: child for child in found for name in ("backend", "gateway") if name in child.cmdline()}

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def up(models: Path, tmp_path: Path) -> Iterator[Up]:
    """Serves half (version 3) and slow."""
    for name in ("half/3", "slow/1"):
        shutil.copytree(models / name, tmp_path / "models" / name)
    up = Up(tmp_path, tmp_path / "models")
    yield up
    up.close()


def test_ctrl_c_answers_calls_in_flight_ends_gateway_before_backend_and_exits_with_0(up: Up) -> None:
    with grpc.insecure_channel(up.wait_serving()) as channel:
        assert predict(channel, predict_message((1.0, 2.0), model="half")) == (3, answer_of((1.0, 2.0), 3))
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        slow = call.future(predict_message((1.0, 2.0), model="slow").SerializeToString(), timeout=CALL_S)
        until(lambda: up.in_flight() == 1, "the slow call to be in flight")
        backend = up.children()["backend"]
        up.process.send_signal(signal.SIGINT)
        assert slow.result()
    assert up.process.wait(STOP_S) == 0
    assert not backend.is_running()
    assert up.said.splitlines()[-2:] == ["draining ...", "stopped"]
    ended = (up.state_dir / "gateway.log").stat().st_mtime, (up.state_dir / "backend.log").stat().st_mtime
    assert ended[0] <= ended[1], "the gateway wrote its last word after the backend"
    assert "draining" in (up.state_dir / "backend.log").read_text(encoding="utf-8")


def test_kill_9_leaves_no_orphans(up: Up) -> None:
    up.wait_serving()
    children = up.children()
    assert set(children) == {"backend", "gateway"}
    up.process.kill()
    up.process.wait()
    gone, alive = psutil.wait_procs(list(children.values()), timeout=STOP_S)
    assert (len(gone), alive) == (2, [])


def test_a_backend_that_dies_ends_up_with_its_last_words_and_status_1(up: Up) -> None:
    up.wait_serving()
    children = up.children()
    children["backend"].kill()
    assert up.process.wait(STOP_S) == 1
    assert "backend ended by itself (status -9):\n  | " in up.said
    assert "Traceback" not in up.said
    psutil.wait_procs(list(children.values()), timeout=STOP_S)
    assert not children["gateway"].is_running()


@pytest.mark.parametrize(
    ("version", "words"),
    [(4, "Could not find SavedModel .pb or .pbtxt"), (5, "Can't parse")],
    ids=["half-written", "corrupt"],
)
def test_a_version_that_cannot_be_loaded_is_told_with_tensorflows_words(
    version: int, words: str, models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / "half" / str(version), tmp_path / "m/half" / str(version))
    said = refusal(
        tidegate("up", "--model-dir", str(tmp_path / "m"), "--port", "0", "--state-dir", str(tmp_path / "s"))
    )
    assert said.startswith("tidegate up: backend ended at start (status 2):\n  | ")
    assert words in said


@pytest.mark.parametrize("option", ["--port", "--http-port"])
def test_a_busy_port_is_told_before_anything_is_loaded(option: str, models: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        ports = ["--port", "0", "--http-port", "0", option, port]
        said = refusal(tidegate("up", "--model-dir", str(models), *ports, "--state-dir", str(tmp_path / "s")))
    assert said == f"tidegate up: 127.0.0.1:{port} cannot be listened on: Address already in use; give another port"
    assert not (tmp_path / "s").exists()
