"""Where and how the client port listens, whichever transport does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.call import Call
from gateway.http2.bounds import Bounds

Handle = Callable[[Call], None]
# A client's timer started before its call arrived here, so its cancellation comes a little before our own deadline.
DEADLINE_SLACK_US = 50_000
UNKNOWN_METHOD = "Method not found!"  # gRPC's words


class CannotListen(Exception):
    """The port or socket can't be opened; the message says which, why, and what to do."""


@dataclass(frozen=True)
class TlsPaths:
    """PEM files; `client_ca`: the authorities of the certificates that clients must show, None asks for none."""

    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True)
class Listen:
    """Where and how to listen. `port` 0 picks a free one; TLS when `tls` is given."""

    host: str
    port: int
    unix_socket: Path | None
    default_timeout_s: float | None
    tls: TlsPaths | None = None
    bounds: Bounds = field(default_factory=Bounds)
    max_connections: int = 10_000
    max_streaming_calls: int = 1000

    @property
    def address(self) -> str:
        """As people read it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def busy(listen: Listen, error: OSError) -> CannotListen:
    """A TCP port that can't be had."""
    words = error.strerror or str(error)
    return CannotListen(f"gRPC port {listen.address} cannot be opened: {words}; give a free --port")


def probe(listen: Listen) -> None:
    """Try the port: gRPC tells why one can't be opened only in its own log. Raises: CannotListen."""
    if not listen.port:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise busy(listen, error) from error
