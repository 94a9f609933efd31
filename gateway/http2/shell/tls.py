"""TLS contexts with ALPN h2, from PEM files that may be renewed while we serve."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ServerCertificates:
    """The server's files. Raises: OSError for what can't be read or doesn't fit together."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._client_ca = client_ca
        self._digest = b""

    def context(self) -> ssl.SSLContext:
        """From the files as they are; with authorities given, clients must show a certificate of theirs."""
        digest = self._read()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        with _naming(self._certificate, self._key):
            context.load_cert_chain(self._certificate, self._key)
        if self._client_ca is not None:
            with _naming(self._client_ca):
                context.load_verify_locations(self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self._digest = digest
        return context

    def changed(self) -> ssl.SSLContext | None:
        """A new context when the files' content differs from what is in use. Raises: OSError; the old one stays."""
        return None if self._read() == self._digest else self.context()

    def _read(self) -> bytes:
        files = (self._certificate, self._key, *([self._client_ca] if self._client_ca else []))
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).digest()


def client_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Towards a server; `ca` None trusts the system's authorities. Raises: OSError."""
    with _naming(ca):
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        with _naming(certificate, key):
            context.load_cert_chain(certificate, key)
    return context


@contextmanager
def _naming(*paths: Path | str | None) -> Iterator[None]:
    """Tell which files they are that can't be read or used: `ssl` doesn't. Raises: OSError."""
    files = [str(path) for path in paths if path is not None]
    try:
        for file in files:
            Path(file).open("rb").close()
        yield
    except ssl.SSLError as error:
        reason = error.reason or error.strerror or str(error)
        raise OSError(f"{', '.join(files)}: no PEM of what is wanted, or not of each other: {reason}") from error
