"""Runs backend and gateway as children until told to stop: started in order, ended in reverse order."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click

from cli.children import Child, ChildFailed

START_TIMEOUT_S = 120.0
LOOK_S = 0.2
EXIT_OK, EXIT_BROKEN = 0, 1


class CannotStart(Exception):
    """Nothing was started, or it was ended again; the message says what is wrong and what to do."""


def find_models(model_dir: Path) -> list[str]:
    """Names of the folders that hold at least one numbered version. Raises: CannotStart."""
    if not model_dir.is_dir():
        raise CannotStart(f"{model_dir} is no folder; give the folder that holds NAME/VERSION/saved_model.pb")
    names = sorted(
        entry.name
        for entry in model_dir.iterdir()
        if entry.is_dir() and any(version.name.isdecimal() and version.is_dir() for version in entry.iterdir())
    )
    if not names:
        raise CannotStart(
            f"{model_dir} holds no NAME/VERSION/ folder; `tidegate export MODEL --out {model_dir}` makes one"
        )
    return names


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
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotStart(f"{state_dir}: {error.strerror}; give another --state-dir") from error
        configuration = state_dir / "models.config"
        configuration.write_text(models_config(models, model_dir), encoding="utf-8")
        backend = ["-m", "backend", "--port=0", f"--model_config_file={configuration}", "--exit_with_parent"]
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
            self._start()
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
            self._gateway.argv += ["--upstream", f"127.0.0.1:{self._backend.wait_ready(START_TIMEOUT_S)}"]
            self._gateway.start()
            port = self._gateway.wait_ready(START_TIMEOUT_S)
        except ChildFailed as error:
            raise CannotStart(str(error)) from error
        pages = json.loads((self._state_dir / "gateway.port").read_text(encoding="utf-8"))["http_port"]
        click.echo(
            f"serving at {self._host}:{port} (gRPC); pages at http://{self._host}:{pages}/metrics; ctrl-C ends it"
        )

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
    entries = "".join(
        f'  config {{ name: "{name}" base_path: "{model_dir.resolve() / name}" model_platform: "tensorflow" }}\n'
        for name in models
    )
    return f"model_config_list {{\n{entries}}}\n"
