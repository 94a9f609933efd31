"""A client port over our own transport in the test's loop, with small bounds, on real sockets."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from gateway.call import Call
from gateway.http2.bounds import MIB, Bounds, Buffers
from gateway.server.http2 import Http2Server
from gateway.server.listen import Handle, Listen, TlsPaths
from gateway.telemetry.counters import Counters


@dataclass
class OpenPort:
    """The server, and all that it counts."""

    server: Http2Server
    buffers: Buffers
    refused: Counter[str]
    counters: Counters

    @property
    def port(self) -> int:
        return self.server.port


@dataclass
class Keeper:
    """Keeps calls until the test answers them."""

    calls: list[Call] = field(default_factory=list)

    def __call__(self, call: Call) -> None:
        self.calls.append(call)


def echo(call: Call) -> None:
    """Answers with what came."""
    call.reply(call.message)


@asynccontextmanager
async def serving(
    handle: Handle = echo,
    bounds: Bounds | None = None,
    unix_socket: Path | None = None,
    tls: TlsPaths | None = None,
    max_connections: int = 100,
    max_streaming_calls: int = 100,
) -> AsyncIterator[OpenPort]:
    """Started; stopped at the end."""
    buffers, refused, counters = Buffers(64 * MIB), Counter[str](), Counters()
    listen = Listen("127.0.0.1", 0, unix_socket, None, tls, bounds or Bounds(), max_connections, max_streaming_calls)
    server = Http2Server(listen, handle, counters, buffers, refused)
    try:
        await server.start()
        yield OpenPort(server, buffers, refused, counters)
    finally:
        await server.stop(0)


class Papers:
    """An authority and what it certifies, as PEM files in `folder`, replaced whole when issued again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")

    def issue(self, name: str, identity: str = "127.0.0.1") -> bytes:
        """`name`.pem and `name`.key; the certificate in DER."""
        issued = self.authority.issue_cert(identity)
        for suffix, blob in (("pem", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
            draft = self.folder / "draft"
            blob.write_to_path(draft)
            draft.replace(self.folder / f"{name}.{suffix}")
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    def paths(self, client_ca: bool = False) -> TlsPaths:
        """For the port, from server.pem and server.key."""
        ca = self.folder / "ca.pem" if client_ca else None
        return TlsPaths(self.folder / "server.pem", self.folder / "server.key", ca)

    def client(self, name: str | None = None, alpn: str | None = "h2") -> ssl.SSLContext:
        """A client that trusts the authority, shows a certificate of that name, and offers one protocol or none."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        return context
