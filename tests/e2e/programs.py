"""The real programs as these tests start them: replicas, gateway, `tidegate ...`; and what they ask of a replica."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import grpc

from cli.children import Child
from protos.stubs.tidegate.wire.v1 import management_pb2, predict_pb2
from tests.fakes.tensors import PREDICT, RELOAD, STATUS, floats_of

# Deadlines, not measurements: TensorFlow's import alone takes a minute on a busy machine.
START_S, CALL_S, STOP_S, COMMAND_S = 240.0, 60.0, 60.0, 240.0
LOOK_S = 0.05
AVAILABLE = 30
# Channels that see a restarted server soon.
CHANNEL = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200))

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # of every replica started here
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def until(condition: Callable[[], Any], what: str, deadline_s: float = START_S) -> Any:
    """Wait for the condition; what it returned. Raises: AssertionError that says for what it waited."""
    end_s = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < end_s, f"waited {deadline_s:g} s for {what}"
        time.sleep(LOOK_S)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
        **options,
    )


def tidegate(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`tidegate ...`, to its end."""
    return python("-m", "cli.main", *words, **options)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said that must have been refused: exit status 2, no traceback, nothing on standard output."""
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done
    return done.stderr.strip()


class Replica:
    """One embedded TensorFlow Serving; it keeps its port when it is started again."""

    def __init__(self, name: str, folder: Path, models_config: Path, *flags: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        argv = ["-m", "backend", f"--port={self.port}", f"--model_config_file={models_config}", "--exit_with_parent"]
        argv += ["--max_num_load_retries=0", "--num_load_threads=1", "--grpc_max_threads=64"]
        argv += ["--tensorflow_session_parallelism=1", *flags]
        port_file = folder / f"{name}.port"
        argv.append(f"--port_file={port_file}")
        self.child = Child(name, [sys.executable, *argv], folder / f"{name}.log", port_file)
        self.channel = grpc.insecure_channel(self.address, options=CHANNEL)

    def ask(self, path: str, message: bytes) -> bytes:
        """One unary call on bytes. Raises: grpc.RpcError."""
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        return call(message, timeout=CALL_S, wait_for_ready=True)

    def available(self, model: str) -> set[int]:
        """Versions that this replica itself says are AVAILABLE."""
        request = management_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        reply = management_pb2.GetModelStatusResponse.FromString(self.ask(STATUS, request.SerializeToString()))
        return {entry.version for entry in reply.model_version_status if entry.state == AVAILABLE}

    def reload(self, config: management_pb2.ModelServerConfig) -> None:
        """Replace its whole configuration. Raises: grpc.RpcError."""
        self.ask(RELOAD, management_pb2.ReloadConfigRequest(config=config).SerializeToString())

    def start(self) -> None:
        self.child.start()

    def close(self) -> None:
        self.channel.close()
        self.child.kill()


class Gateway:
    """A gateway process in a folder of its own; `start` again after `child.kill()` takes the same ports and state."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.state_dir = folder / "s"
        self._port_file = folder / "ports"
        argv = ["-m", "cli.main", "gateway", *arguments, "--state-dir", str(self.state_dir)]
        argv += ["--port-file", str(self._port_file), "--exit-with-parent"]
        self.child = Child("gateway", [sys.executable, *argv], folder / "gateway.log", self._port_file)
        self.address = ""
        self.pages = ""

    def start(self) -> None:
        self.child.start()
        self.address = f"127.0.0.1:{self.child.wait_ready(START_S)}"
        self.pages = f"127.0.0.1:{json.loads(self._port_file.read_text(encoding='utf-8'))['http_port']}"

    @property
    def ready(self) -> bool:
        """What /readyz says."""
        connection = HTTPConnection(self.pages, timeout=CALL_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def rollout(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`tidegate rollout ... --json`: exit status and facts. Fails the test when the command was refused."""
        done = tidegate("rollout", *words, "--state-dir", str(self.state_dir), "--json")
        assert done.returncode in (0, 1), f"{done.stderr}\n{self.child.last_words()}"
        facts: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, facts

    def status(self) -> dict[str, Any]:
        """`tidegate status --json`."""
        done = tidegate("status", "--state-dir", str(self.state_dir), "--json")
        assert done.returncode == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def close(self) -> None:
        self.child.kill()


def config_of(models: Path, versions: Sequence[int]) -> management_pb2.ModelServerConfig:
    """half in these versions, and conv."""
    config = management_pb2.ModelServerConfig()
    for name in ("half", "conv"):
        config.model_config_list.config.add(name=name, base_path=str(models / name), model_platform="tensorflow")
    config.model_config_list.config[0].model_version_policy.specific.versions.extend(versions)
    return config


def predict(channel: grpc.Channel, request: predict_pb2.PredictRequest, key: str = "") -> tuple[int, list[float]]:
    """(version that answered, values of y). Raises: grpc.RpcError."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
    metadata = (("x-user-id", key),) if key else ()
    reply = predict_pb2.PredictResponse.FromString(
        call(request.SerializeToString(), timeout=CALL_S, metadata=metadata, wait_for_ready=True)
    )
    return reply.model_spec.version.value, floats_of(reply.outputs["y"])
