"""Everything that configuration decides, as one immutable snapshot; no file format in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.batching.policy import BatchPolicy
from gateway.http2.bounds import MIB, Bounds
from gateway.routing.route import DEFAULT_BATCHING
from gateway.routing.table import RouteTable
from gateway.upstream.policy import UpstreamPolicy

DEFAULT_POLICY: Final = DEFAULT_BATCHING  # key of the batching policy of models that have none of their own


@dataclass(frozen=True, slots=True)
class ServerTlsFiles:
    """PEM files of the client port; `client_ca_file` None asks clients for no certificate."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The client port. Needs a restart to change."""

    host: str
    port: int
    unix_socket: Path | None
    transport: str
    max_message_bytes: int
    max_concurrent_calls: int
    default_timeout_s: float | None
    drain_delay_s: float
    drain_timeout_s: float
    allow_reload_config: bool
    tls: ServerTlsFiles | None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where metrics and health pages are. Needs a restart to change."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Http2Settings:
    """Our own transport. Needs a restart to change."""

    bounds: Bounds = field(default_factory=Bounds)
    max_connections: int = 10_000
    max_streaming_calls: int = 1000
    max_buffered_bytes: int = 1024 * MIB


@dataclass(frozen=True, slots=True)
class ShieldSettings:
    """What a Predict may carry to a replica. How long killers are blocked stands in each UpstreamPolicy.suspects."""

    check_inputs: bool
    max_tensor_bytes: int


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One upstream: its replicas' addresses ("host:port"), the file Tidegate owns (None: no rollouts), its bounds."""

    name: str
    addresses: tuple[str, ...]
    models_config: Path | None
    policy: UpstreamPolicy


@dataclass(frozen=True, slots=True)
class Settings:
    """One configuration in force. `batching` has DEFAULT_POLICY and one policy for each model that differs."""

    source: str  # the file's path as given, or "command line"
    content_hash: str  # hex SHA-256 of the file; empty for the command line
    server: ServerSettings
    http: HttpSettings
    http2: Http2Settings
    upstreams: Mapping[str, UpstreamSettings]
    table: RouteTable
    batching: Mapping[str, BatchPolicy]
    shield: ShieldSettings

    def batch_policy(self, name: str) -> BatchPolicy:
        """The policy that a route's `batching` names."""
        return self.batching.get(name) or self.batching[DEFAULT_POLICY]


def changes_needing_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """The sections in which `new` differs from `old` but which a running gateway can't change, by their YAML names."""
    pairs = (
        ("server", old.server, new.server),
        ("http", old.http, new.http),
        ("http2", old.http2, new.http2),
    )
    return tuple(name for name, was, now in pairs if was != now)
