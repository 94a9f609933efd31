"""How each server of a sitting is started, as its users start it; each returns the child and its gRPC port."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.children import Child

MAX_THREADS = 256  # the default, 4 x cores, refuses calls when 64 are in flight
BATCHING = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 100 }
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `http_port` has metrics, `ready_s` is from start to readiness (the gateway only)."""

    child: Child
    port: int
    http_port: int = 0
    ready_s: float = 0.0


class Starter:
    """Starts servers; `stack` owns them all and ends them in reverse order. Their files are in `folder`."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._batching = folder / "batching_parameters.txt"
        self._batching.write_text(BATCHING, encoding="ascii")

    def backend(self, name: str, models: Mapping[str, Path], batching: bool) -> Server:
        """The embedded backend; `models`: folders of versions by name."""
        port_file = self._folder / f"{name}.port"
        command = [sys.executable, "-m", "backend", "--port=0", f"--port_file={port_file}", "--exit_with_parent"]
        child = self._start(name, [*command, *self._serving_flags(name, models, batching)])
        child.await_ready(port_file.exists)
        return Server(child, int(port_file.read_text(encoding="ascii")))

    def tensorflow_serving(self, name: str, program: Path, models: Mapping[str, Path], batching: bool) -> Server:
        """Real TensorFlow Serving, or anything that takes its flags."""
        port = free_port()
        flags = [f"--port={port}", *self._serving_flags(name, models, batching)]
        return self.foreign(name, [str(program), *flags], port)

    def fast_upstream(self, name: str, recordings: Mapping[str, Mapping[str, bytes]]) -> Server:
        """The replayer of recorded replies; `recordings` by model and by the names it reads."""
        folder = self._folder / name
        for model, replies in recordings.items():
            (folder / model).mkdir(parents=True)
            for key, recorded in replies.items():
                (folder / model / key).write_bytes(recorded)
        child = self._start(name, [sys.executable, "-m", "benchmarks.fast_upstream", str(folder)])
        child.await_ready((folder / "port").exists)
        return Server(child, int((folder / "port").read_text(encoding="ascii")))

    def gateway(
        self,
        name: str,
        upstream_port: int,
        batching: str = "off",
        transport: str | None = None,
        folder: Path | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> Server:
        """The gateway, its `transport` on both sides (None: as shipped), its code from `folder` (None: this one's).

        `batching` is the mode: "on" joins without proof, for a generator's equal rows prove nothing. `models`: settings
        of single models, as in gateway.yaml.
        """
        config, port_file = self._folder / f"{name}.yaml", self._folder / f"{name}.ports"
        listening = {"host": "127.0.0.1", "port": 0}
        chosen = {"transport": transport} if transport else {}
        settings = {
            "server": listening | chosen,
            "http": listening,
            "upstreams": {"default": {"replicas": [f"127.0.0.1:{upstream_port}"]} | chosen},
            "default_upstream": "default",
            "batching": {"mode": batching},
            "models": dict(models or {}),
        }
        config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "gateway", f"--config={config}", f"--port-file={port_file}"]
        command += [f"--state-dir={self._folder / name}", "--exit-with-parent", "--log-level=warning"]
        port_file.unlink(missing_ok=True)
        started = time.time()
        child = self._start(name, command, folder=folder)
        child.await_ready(port_file.exists)
        ready_s = port_file.stat().st_mtime - started
        bound = json.loads(port_file.read_text(encoding="utf-8"))
        return Server(child, bound["port"], bound["http_port"], ready_s)

    def foreign(self, name: str, command: Sequence[str], port: int) -> Server:
        """Somebody else's server, ready when it listens at `port`."""
        child = self._start(name, command, foreign=True)
        child.await_ready(lambda: listens(port))
        return Server(child, port)

    def folder_for(self, name: str) -> Path:
        """A new folder for a server's files."""
        folder = self._folder / name
        folder.mkdir()
        return folder

    def _start(self, name: str, command: Sequence[str], foreign: bool = False, folder: Path | None = None) -> Child:
        return self._stack.enter_context(Child(name, command, self._folder, foreign, folder))

    def _serving_flags(self, name: str, models: Mapping[str, Path], batching: bool) -> list[str]:
        config = self._folder / f"{name}.models"
        config.write_text(models_config(models), encoding="utf-8")
        flags = [f"--model_config_file={config}", f"--grpc_max_threads={MAX_THREADS}"]
        return [*flags, "--enable_batching=true", f"--batching_parameters_file={self._batching}"] if batching else flags


def models_config(models: Mapping[str, Path]) -> str:
    """TensorFlow Serving's ModelServerConfig, in text format."""
    entries = (
        f'  config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}\n'
        for name, path in models.items()
    )
    return f"model_config_list {{\n{''.join(entries)}}}\n"


def free_port() -> int:
    """A port that was free a moment ago, for servers that can't pick one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
