"""How an upstream is treated: bounds, intervals, retries, TLS files."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from gateway.limits.retry_budget import RetryPolicy
from gateway.limits.suspects import SuspectPolicy


class Transport(enum.StrEnum):
    """The gRPC implementation that speaks to replicas."""

    HTTP2 = "http2"  # our own
    GRPCIO = "grpcio"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files towards replicas; `server_name` overrides the name checked in their certificate."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")


@dataclass(frozen=True)
class UpstreamPolicy:
    """Bounds of one upstream.

    `max_in_flight_per_replica`: TensorFlow Serving refuses calls beyond its threads (4 x cores by default), so the
    gateway holds them back instead. Raises: ValueError naming every field that is out of range.
    """

    max_in_flight_per_replica: int = 32
    max_queued_calls: int = 1024
    max_message_bytes: int = 256 * 1024 * 1024
    connect_timeout_s: float = 2.0
    status_poll_interval_s: float = 0.5
    resolve_interval_s: float = 5.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    suspects: SuspectPolicy = field(default_factory=SuspectPolicy)
    tls: TlsFiles | None = None
    transport: Transport = Transport.HTTP2
    connections_per_replica: int = 1

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}, must be positive"
            for name in (
                "max_in_flight_per_replica",
                "max_queued_calls",
                "max_message_bytes",
                "connect_timeout_s",
                "status_poll_interval_s",
                "resolve_interval_s",
                "connections_per_replica",
            )
            if getattr(self, name) <= 0
        ]
        if problems:
            raise ValueError("; ".join(problems))
