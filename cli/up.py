"""Runs backend and gateway as children until told to stop: started in order, ended in reverse order."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

import click
from google.protobuf import text_format

from cli.children import Child, ChildFailed
from protos.stubs.tidegate.wire.v1 import management_pb2

START_TIMEOUT_S = 120.0
LOOK_S = 0.2
EXIT_OK, EXIT_BROKEN = 0, 1
# A version that is still being copied gets a few seconds; TensorFlow Serving's 5 minutes are too long to watch.
LOAD_RETRIES = ("--max_num_load_retries=3", "--load_retry_interval_micros=1000000")
_MODEL_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class CannotStart(Exception):
    """Nothing was started, or it was ended again; the message says what is wrong and what to do."""


def find_models(model_dir: Path) -> list[str]:
    """Names of the folders that hold at least one numbered version. Raises: CannotStart."""
    if not model_dir.is_dir():
        raise CannotStart(f"{model_dir} is no folder; give the folder that holds NAME/VERSION/saved_model.pb")
    try:
        names = sorted(entry.name for entry in model_dir.iterdir() if entry.is_dir() and _has_a_version(entry))
    except OSError as error:
        raise CannotStart(f"{error.filename}: {error.strerror}; give a folder that you may read") from error
    wrong = [name for name in names if not _MODEL_NAME.fullmatch(name)]
    if wrong:
        listed = ", ".join(map(repr, wrong))
        raise CannotStart(f"{model_dir}: {listed}: no model name; letters, digits, '.', '_' and '-' make one")
    if not names:
        raise CannotStart(
            f"{model_dir} holds no NAME/VERSION/ folder; `tidegate export MODEL --out {model_dir}` makes one"
        )
    return names


def _has_a_version(folder: Path) -> bool:
    return any(entry.name.isascii() and entry.name.isdigit() and entry.is_dir() for entry in folder.iterdir())


def check_port(host: str, port: int) -> None:
    """A busy port is told before models are loaded, which takes long. Raises: CannotStart."""
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: an ended one's port is free
            probe.bind((host, port))
    except OSError as error:
        raise CannotStart(f"{host}:{port} cannot be listened on: {error.strerror}; give another port") from error


def claim(state_dir: Path) -> int:
    """Take the folder for this process, before anything in it is written; the kernel gives it back with the process.

    Raises: CannotStart when another `tidegate up` has it; OSError.
    """
    lock = os.open(state_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise CannotStart(f"{state_dir}: another `tidegate up` runs with it; give another --state-dir") from error
    return lock


class _ToldToStop(Exception):
    """A signal came before everything was up."""


class Up:
    """The supervisor in the foreground."""

    def __init__(
        self,
        models: list[str],
        model_dir: Path,
        state_dir: Path,
        host: str,
        port: int,
        http_port: int,
        batching: bool,
        drain_timeout_s: float,
    ) -> None:
        self._models = models
        self._state_dir = state_dir
        self._drain_timeout_s = drain_timeout_s
        self._signals = 0
        check_port(host, port)
        check_port(host, http_port)
        configuration = state_dir / "models.config"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._lock = claim(state_dir)
            configuration.write_text(models_config(models, model_dir), encoding="utf-8")
        except OSError as error:
            raise CannotStart(f"{error.filename or state_dir}: {error.strerror}; give another --state-dir") from error
        backend = ["-m", "backend", "--port=0", f"--model_config_file={configuration}", "--exit_with_parent"]
        backend += ["--num_load_threads=1", "--grpc_max_threads=64"]  # more than the gateway ever has in flight
        backend += [*LOAD_RETRIES, "--prefer_tflite_model=true"]  # a version that is a model.tflite alone loads too
        self._backend = self._child("backend", [*backend, f"--port_file={state_dir / 'backend.port'}"])
        self._gateway_argv = ["-m", "gateway", "--host", host, "--port", str(port), "--http-port", str(http_port)]
        self._gateway_argv += ["--state-dir", str(state_dir), "--exit-with-parent"]
        self._gateway_argv += ["--port-file", str(state_dir / "gateway.port")]
        self._gateway_argv += [] if batching else ["--no-batching"]
        self._gateway = self._child("gateway", self._gateway_argv)
        self._host = host

    def run(self) -> int:
        """Serve until a signal; the exit status. Raises: CannotStart."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            try:
                self._start()
            except _ToldToStop:
                click.echo("stopped before anything was served")
                return EXIT_OK
            while not self._signals and self._gateway.running and self._backend.running:
                time.sleep(LOOK_S)
            if not self._signals:
                gone = self._backend if self._gateway.running else self._gateway
                click.echo(f"{gone.name} ended by itself (status {gone.status}):\n{gone.last_words()}", err=True)
                return EXIT_BROKEN
            return self._drain()
        finally:
            self._gateway.kill()
            self._backend.kill()

    def _start(self) -> None:
        click.echo(f"loading {', '.join(self._models)} into the embedded TensorFlow Serving ...")
        try:
            self._backend.start()
            self._gateway.argv += ["--upstream", f"127.0.0.1:{self._ready(self._backend)}"]
            self._gateway.start()
            port = self._ready(self._gateway)
        except (ChildFailed, OSError) as error:
            raise CannotStart(str(error)) from error
        pages = json.loads((self._state_dir / "gateway.port").read_text(encoding="utf-8"))["http_port"]
        click.echo(
            f"serving at {self._host}:{port} (gRPC); pages at http://{self._host}:{pages}/metrics; ctrl-C ends it"
        )

    def _ready(self, child: Child) -> int:
        port = child.wait_ready_unless(START_TIMEOUT_S, lambda: bool(self._signals))
        if port is None:
            raise _ToldToStop
        return port

    def _drain(self) -> int:
        """Gateway first, so that its last calls still find the backend."""
        click.echo("draining ...")
        end_s = time.monotonic() + self._drain_timeout_s
        clean = True
        for child in (self._gateway, self._backend):
            child.signal(signal.SIGTERM)
            while child.running and time.monotonic() < end_s and self._signals < 2:
                time.sleep(LOOK_S / 4)
            clean = clean and child.status == 0
        click.echo("stopped" if clean else "stopped before every call was answered", err=not clean)
        return EXIT_OK if clean else EXIT_BROKEN

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _child(self, name: str, arguments: list[str]) -> Child:
        folder = self._state_dir
        return Child(name, [sys.executable, *arguments], folder / f"{name}.log", folder / f"{name}.port")


def models_config(models: list[str], model_dir: Path) -> str:
    """A ModelServerConfig in text form: every model, all of TensorFlow Serving's defaults (latest version)."""
    config = management_pb2.ModelServerConfig()
    for name in models:
        base_path = str(model_dir.resolve() / name)
        config.model_config_list.config.add(name=name, base_path=base_path, model_platform="tensorflow")
    return text_format.MessageToString(config)
