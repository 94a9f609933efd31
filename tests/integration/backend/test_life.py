"""Start and end of a real process: wrong input exits with 2 and one message, a drain loses no call."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2

from tests.integration.backend.process import CALL_S, START_S, Backend, request

pytestmark = pytest.mark.slow
Publish = Callable[[str, Path, int], Path]


def _run(*flags: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "backend", *flags], capture_output=True, text=True, timeout=START_S, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--modle_name=x", "--model_base_path=/m"], "unknown flag --modle_name; did you mean --model_name?"),
        (["--port=0"], "one of --model_base_path and --model_config_file is needed"),
        (["--port=0", "--model_config_file=/nonexistent"], "can't be read"),
        (["--port=0", "--model_base_path=relative"], "to have an absolute path"),
    ],
)
def test_wrong_flags_exit_with_2_and_one_message(flags: list[str], text: str) -> None:
    status, said = _run(*flags)
    assert (status, text in said, "Traceback" in said) == (2, True, False)


def test_a_busy_port_exits_with_2() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        status, said = _run(f"--port={port}", "--model_base_path=/m")
    assert (status, f"can't listen on 127.0.0.1:{port}" in said, "Traceback" in said) == (2, True, False)


def test_help_and_version_exit_with_0() -> None:
    assert _run("--help")[0] == 0
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "backend", "--version"],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert (done.returncode, "TensorFlow Library: 2." in done.stdout) == (0, True)


def test_a_start_with_a_corrupt_model_exits_with_2_and_its_reason(tmp_path: Path) -> None:
    (tmp_path / "m/1").mkdir(parents=True)
    (tmp_path / "m/1/saved_model.pb").write_bytes(b"garbage")
    status, said = _run("--port=0", f"--model_base_path={tmp_path / 'm'}", "--max_num_load_retries=0")
    assert (status, "Traceback" in said) == (2, False)
    assert "1 servable(s) did not become available: {{{name: default version: 1} due to error: DATA_LOSS" in said


def test_a_server_without_a_version_waits_for_one_and_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    backend = Backend(tmp_path / "run", f"--model_base_path={tmp_path / 'm'}", "--exit_with_parent")
    try:
        backend.wait_log("no versions found")
        assert backend.process.stdin is not None
        backend.process.stdin.close()
        assert backend.exit_status() == 0
        assert not (tmp_path / "run/port").exists()
    finally:
        backend.close()


def test_a_drain_answers_calls_in_flight_and_turns_health_off(publish: Publish, tmp_path: Path) -> None:
    publish("counting", tmp_path / "m", 1)
    parameters = tmp_path / "batching.txt"
    # A call waits two seconds in the batching queue: it is in flight for sure when the signal comes.
    parameters.write_text("batch_timeout_micros { value: 2000000 }")
    backend = Backend(
        tmp_path / "run",
        f"--model_base_path={tmp_path / 'm'}",
        "--model_name=m",
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
        "--enable_grpc_healthcheck_service",
    )
    try:
        backend.connect()
        watch = backend.health().Watch(health_pb2.HealthCheckRequest(), timeout=CALL_S)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        waiting = backend.prediction.Predict.future(request("m", {"x": np.ones((1, 2), np.float32)}), timeout=CALL_S)
        # On one connection calls arrive in their order: when this one is answered the first is inside.
        backend.states("m")
        backend.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert list(waiting.result(CALL_S).outputs["sum"].float_val) == [2.0]
        assert backend.exit_status() == 0
        with pytest.raises(grpc.RpcError):
            backend.states("m")
    finally:
        backend.close()
