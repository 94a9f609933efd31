"""How each server of a sitting is started, as its users start it; each returns the child and its gRPC port."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.calls import MODEL
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
    """A running server. `http_port` has metrics (the gateway only)."""

    child: Child
    port: int
    http_port: int = 0


class Starter:
    """Starts servers; `stack` owns them all and ends them in reverse order. Their files are in `folder`."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._batching = folder / "batching_parameters.txt"
        self._batching.write_text(BATCHING, encoding="ascii")

    def backend(self, name: str, model: Path, batching: bool) -> Server:
        """The embedded backend."""
        port_file = self._folder / f"{name}.port"
        command = [sys.executable, "-m", "backend", "--port=0", f"--port_file={port_file}", "--exit_with_parent"]
        child = self._start(name, [*command, *self._serving_flags(model, batching)])
        child.await_ready(port_file.exists)
        return Server(child, int(port_file.read_text(encoding="ascii")))

    def tensorflow_serving(self, name: str, program: Path, model: Path, batching: bool) -> Server:
        """Real TensorFlow Serving, or anything that takes its flags."""
        port = free_port()
        child = self._start(name, [str(program), f"--port={port}", *self._serving_flags(model, batching)], foreign=True)
        child.await_ready(lambda: listens(port))
        return Server(child, port)

    def fast_upstream(self, name: str, recordings: dict[str, bytes]) -> Server:
        """The replayer of recorded replies; `recordings` by the names it reads."""
        folder = self._folder / name
        folder.mkdir()
        for key, recorded in recordings.items():
            (folder / key).write_bytes(recorded)
        child = self._start(name, [sys.executable, "-m", "benchmarks.fast_upstream", str(folder)])
        child.await_ready((folder / "port").exists)
        return Server(child, int((folder / "port").read_text(encoding="ascii")))

    def gateway(self, name: str, upstream_port: int, joining: bool) -> Server:
        """The gateway. Joining is on without proof, since the generator's equal rows prove nothing."""
        config, port_file = self._folder / f"{name}.yaml", self._folder / f"{name}.ports"
        listening = {"host": "127.0.0.1", "port": 0}
        settings = {
            "server": listening,
            "http": listening,
            "upstreams": {"default": {"replicas": [f"127.0.0.1:{upstream_port}"]}},
            "default_upstream": "default",
            "batching": {"mode": "on" if joining else "off"},
        }
        config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "gateway", f"--config={config}", f"--port-file={port_file}"]
        command += [f"--state-dir={self._folder / name}", "--exit-with-parent", "--log-level=warning"]
        child = self._start(name, command)
        child.await_ready(port_file.exists)
        bound = json.loads(port_file.read_text(encoding="utf-8"))
        return Server(child, bound["port"], bound["http_port"])

    def nginx(self, name: str, program: str, upstream_port: int) -> Server:
        """nginx with one worker, grpc_pass."""
        port = free_port()
        folder = self._folder / name
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(_nginx_config(folder, port, upstream_port), encoding="utf-8")
        child = self._start(name, [program, "-e", "stderr", "-p", str(folder), "-c", str(config)], foreign=True)
        child.await_ready(lambda: listens(port))
        return Server(child, port)

    def _start(self, name: str, command: Sequence[str], foreign: bool = False) -> Child:
        return self._stack.enter_context(Child(name, command, self._folder, foreign))

    def _serving_flags(self, model: Path, batching: bool) -> list[str]:
        flags = [f"--model_name={MODEL}", f"--model_base_path={model}", f"--grpc_max_threads={MAX_THREADS}"]
        return [*flags, "--enable_batching=true", f"--batching_parameters_file={self._batching}"] if batching else flags


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


def joined_so_far(server: Server) -> tuple[float, float]:
    """From the gateway's metrics since its start: calls through batching, upstream calls made of them."""
    with urlopen(f"http://127.0.0.1:{server.http_port}/metrics", timeout=10) as page:
        text = page.read().decode("utf-8")
    wanted = {"tidegate_batch_members_total": 0.0, "tidegate_batch_rows_count": 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in wanted:
                wanted[sample.name] += sample.value
    members, batches = wanted.values()
    return members, batches


def _nginx_config(folder: Path, port: int, upstream_port: int) -> str:
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
daemon off; worker_processes 1; {user} pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
{paths}
  upstream measured {{ server 127.0.0.1:{upstream_port}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} http2; keepalive_requests 1000000000;
    location / {{ grpc_pass grpc://measured; }}
  }}
}}
"""
