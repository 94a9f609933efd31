"""What each peer is configured with: one worker, HTTP/2 on both sides, connections kept, nothing logged. Pure texts.

Each peer gets what makes it cheap here, so that none is beaten by its defaults: connections, and requests on them,
without bound; no request id; for HAProxy larger buffers and windows, which halve what 600 kB cost it. Larger ones make
nginx dearer and leave Envoy as it is. nginx passes gRPC requests on as they come, so none spills to a file on disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

OPEN_FILES: Final = 8192
MANY: Final = 1_000_000_000
WINDOW: Final = 1024 * 1024  # bytes; more than one of the large messages
HOST: Final = "127.0.0.1"
_HTTP = "type.googleapis.com/envoy.extensions"


def nginx(folder: Path, port: int, upstream_port: int, root: bool) -> str:
    """nginx.conf; temporary files, if there were any, in `folder`. `root`: workers keep the starter's rights."""
    user = "user root;" if root else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""\
daemon off; worker_processes 1; worker_rlimit_nofile {OPEN_FILES}; {user} pid {folder}/pid;
events {{ worker_connections {OPEN_FILES}; }}
http {{
  access_log off;
{paths}
  upstream measured {{
    server {HOST}:{upstream_port};
    keepalive 2048; keepalive_requests {MANY}; keepalive_timeout 1h;
  }}
  server {{
    listen {HOST}:{port} http2 backlog=4096;
    keepalive_requests {MANY}; keepalive_timeout 1h;
    client_max_body_size 0;
    location / {{ grpc_pass grpc://measured; }}
  }}
}}
"""


def haproxy(port: int, upstream_port: int) -> str:
    """haproxy.cfg."""
    return f"""\
global
  nbthread 1
  maxconn 4000
  tune.bufsize 65536
  tune.h2.initial-window-size {WINDOW}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend calls
  bind {HOST}:{port} proto h2 backlog 4096
  default_backend measured
backend measured
  http-reuse always
  server upstream {HOST}:{upstream_port} proto h2 pool-purge-delay 1h
"""


def envoy(port: int, upstream_port: int) -> str:
    """envoy.json: a listener, one route, one cluster; circuit breakers opened wide."""
    manager = {
        "@type": f"{_HTTP}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "calls",
        "codec_type": "HTTP2",
        "generate_request_id": False,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "measured", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_HTTP}.filters.http.router.v3.Router"}},
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"name": "calls", "address": _address(port), "filter_chains": [{"filters": filters}]}
    bounds = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), MANY)
    cluster = {
        "name": "measured",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [bounds]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_HTTP}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "measured",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream_port)}}]}],
        },
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, indent=1)


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
