"""A gateway of either transport before fake replicas or real peers, started from a file of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.fakes.gateway_process import GatewayProcess

TRANSPORTS = ("http2", "grpcio")


def gateway(folder: Path, transport: str, replicas: Sequence[str], port: int = 0) -> GatewayProcess:
    """A gateway, not started, with this transport towards clients and replicas; calls are forwarded, never joined."""
    config = folder / "gateway.yaml"
    document = {
        "server": {"port": port, "transport": transport},
        "http": {"port": 0},
        "upstreams": {"pool": {"replicas": list(replicas), "transport": transport}},
        "models": {"digits": {"upstream": "pool"}},
        "batching": {"mode": "off"},
    }
    config.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    return GatewayProcess(folder, "--config", str(config))
