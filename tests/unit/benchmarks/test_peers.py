"""What peers are configured with: one worker, both sides HTTP/2, nothing that refuses or logs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import peer_configs
from benchmarks.fronts import FRONTS, titled
from benchmarks.peers import PEERS, Peer, start_nginx


def test_nginx_has_one_worker_that_keeps_its_connections() -> None:
    text = peer_configs.nginx(Path("/somewhere"), 8500, 9000, root=False)
    for words in ("worker_processes 1;", "listen 127.0.0.1:8500 http2", "grpc://measured", "server 127.0.0.1:9000;"):
        assert words in text
    assert "access_log off;" in text
    assert "user root;" not in text
    assert "user root;" in peer_configs.nginx(Path("/somewhere"), 8500, 9000, root=True)


def test_haproxy_has_one_thread_and_reuses_connections() -> None:
    text = peer_configs.haproxy(8500, 9000)
    for words in ("nbthread 1\n", "bind 127.0.0.1:8500 proto h2", "http-reuse always\n", "127.0.0.1:9000 proto h2"):
        assert words in text
    assert " log" not in text


def test_envoy_speaks_http2_on_both_sides_and_bounds_nothing() -> None:
    resources = json.loads(peer_configs.envoy(8500, 9000))["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["codec_type"] == "HTTP2"
    assert "access_log" not in manager
    cluster = resources["clusters"][0]
    assert "explicit_http_config" in json.dumps(cluster["typed_extension_protocol_options"])
    assert min(cluster["circuit_breakers"]["thresholds"][0].values()) >= 1_000_000
    ports = [resources["listeners"][0]["address"], cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]]
    assert "8500" in json.dumps(ports[0])
    assert "9000" in json.dumps(ports[1])


def test_a_peer_that_is_not_installed_says_which_package_has_it() -> None:
    peer = Peer("x", "Exotic", "no-such-program-here", "exotic-proxy", start_nginx)
    assert peer.found() is None
    assert peer.missing() == "Exotic: not installed (package exotic-proxy)."


def test_every_front_has_a_title() -> None:
    assert len({titled(key) for key in FRONTS}) == len(FRONTS) == 3 + len(PEERS)


LIMITED = """\
import resource, sys
from benchmarks.errors import BenchmarkFailed
from benchmarks.open_files import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
allow_open_files(400)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
try:
    allow_open_files(600)
except BenchmarkFailed as error:
    print(error)
"""


def test_open_files_are_raised_as_far_as_allowed_and_no_further() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["400", "600 open files are needed, 512 are allowed; first do `ulimit -Hn 600`"]
