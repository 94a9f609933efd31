"""nginx and Envoy, started in front of a gateway, listening on a Unix socket: no port to agree on."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.fakes.waiting import DEADLINE_S, until

NGINX = """
daemon off;
master_process off;
error_log stderr warn;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_max_body_size 8m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream gateway {{ server 127.0.0.1:{port}; keepalive 4; }}
  server {{
    listen unix:{folder}/front.sock http2;
    location / {{ grpc_pass grpc://gateway; }}
  }}
}}
"""

TYPES = "type.googleapis.com/envoy.extensions"
HTTP2: dict[str, Any] = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def nginx() -> str | None:
    """Where it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def envoy() -> str | None:
    """Where it is installed: as a program, or by the wheel of that name beside Python."""
    return shutil.which("envoy") or shutil.which("envoy", path=str(Path(sys.executable).parent))


WHERE = {"nginx": nginx, "envoy": envoy}


def command(kind: str, folder: Path, port: int) -> list[str]:
    """Write the proxy's configuration in front of that port: its command line."""
    program = WHERE[kind]()
    assert program is not None, f"{kind} is not installed"
    if kind == "nginx":
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port), encoding="utf-8")
        return [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]
    config = folder / "envoy.json"
    config.write_text(json.dumps(_envoy_config(folder, port)), encoding="utf-8")
    return [program, "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"]


def _envoy_config(folder: Path, port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": "HTTP2",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "gateway", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
            }
        ],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    cluster = {
        "name": "gateway",
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": HTTP2,
        "load_assignment": {
            "cluster_name": "gateway",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    listener = {
        "name": "front",
        "address": {"pipe": {"path": f"{folder}/front.sock"}},
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


class Proxy:
    """One started proxy; gRPC clients reach it at `address`. `folder` must be fresh, and its path short."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.socket = folder / "front.sock"
        self.address = f"unix:{self.socket}"
        self._command = command(kind, folder, port)
        self._log = folder / "proxy.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Until its socket is there. Raises: AssertionError with its log when it ends instead."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)
        process = self._process
        await until(lambda: self.socket.exists() or process.returncode is not None, "the proxy's socket")
        assert process.returncode is None, f"the proxy ended:\n{self._log.read_text(encoding='utf-8')}"

    async def stop(self) -> None:
        """End it; by force when it doesn't."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), DEADLINE_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
