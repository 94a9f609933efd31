"""The demo's servers: two embedded TensorFlow Serving replicas and the gateway before them."""

from __future__ import annotations

import sys
from pathlib import Path

from cli.children import Child
from cli.demo.places import MODEL, Places

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 40.0

GATEWAY_YAML = """\
# Written by the demo: two replicas of one model, versions moved only by rollout, 10 % of users on the pruned version.
server: {{host: 127.0.0.1, port: 0}}
http: {{host: 127.0.0.1, port: 0}}
upstreams:
  main:
    replicas: [{replicas}]
    models_config: {models_config}
models:
  {model}:
    upstream: main
    versions: managed
    version: 1
    split:
      salt: demo
      key_header: x-user-id
      arms:
        - {{name: stable, weight: 90}}
        - {{name: slim, weight: 10, version: 2}}
"""


class Replica:
    """One embedded TensorFlow Serving. It keeps its port when it is started again."""

    def __init__(self, number: int, places: Places) -> None:
        self.name = f"replica {number}"
        self.port = 0
        self._places = places
        self._number = number
        self.child = self._child()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.child = self._child()
        self.child.start()

    def wait_ready(self) -> None:
        """Raises: ChildFailed."""
        self.port = self.child.wait_ready(READY_TIMEOUT_S)

    def _child(self) -> Child:
        port_file = self._places.run / f"replica{self._number}.port"
        arguments = [
            "-m", "backend",
            f"--port={self.port}",
            f"--model_config_file={self._places.models_config}",
            "--num_load_threads=1",
            "--grpc_max_threads=64",  # more than the gateway ever has in flight on one replica
            "--exit_with_parent",
            f"--port_file={port_file}",
        ]  # fmt: skip
        return Child(
            self.name, [sys.executable, *arguments], self._places.logs / f"replica{self._number}.log", port_file
        )


class Servers:
    """Both replicas and the gateway; a context manager that ends whatever runs."""

    def __init__(self, places: Places) -> None:
        self.replicas = [Replica(1, places), Replica(2, places)]
        self._places = places
        port_file = places.run / "gateway.port"
        arguments = ["-m", "gateway", "--config", str(places.gateway_yaml), "--state-dir", str(places.state)]
        arguments += ["--port-file", str(port_file), "--exit-with-parent"]
        self.gateway = Child("gateway", [sys.executable, *arguments], places.logs / "gateway.log", port_file)
        self.gateway_port = 0

    def start(self) -> None:
        """Replicas first; the gateway once they have their versions. Raises: ChildFailed."""
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_ready()
        _write_gateway_yaml(self._places.gateway_yaml, self._places, self.replicas)
        self.gateway.start()
        self.gateway_port = self.gateway.wait_ready(READY_TIMEOUT_S)

    def stop(self) -> bool:
        """Gateway first; True when everything ended in order and in time."""
        children = [self.gateway, *(replica.child for replica in self.replicas)]
        stopped = [child.stop(STOP_TIMEOUT_S) for child in children]  # all of them, also after one that did not
        return all(stopped) and all(child.status == 0 for child in children)

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_error: object) -> None:
        for child in (self.gateway, *(replica.child for replica in self.replicas)):
            child.kill()


def _write_gateway_yaml(path: Path, places: Places, replicas: list[Replica]) -> None:
    addresses = ", ".join(f'"{replica.address}"' for replica in replicas)
    text = GATEWAY_YAML.format(replicas=addresses, models_config=places.models_config.resolve(), model=MODEL)
    path.write_text(text, encoding="utf-8")
