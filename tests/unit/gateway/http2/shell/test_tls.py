"""Certificates: read with their names in every complaint, and again when their content changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trustme

from gateway.http2.shell.tls import ServerCertificates, client_context


def write(folder: Path, name: str = "server") -> None:
    """An authority and a certificate of it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    issued.private_key_pem.write_to_path(folder / f"{name}.key")


def certificates(folder: Path, client_ca: bool = False) -> ServerCertificates:
    return ServerCertificates(folder / "server.pem", folder / "server.key", folder / "ca.pem" if client_ca else None)


def test_files_that_stay_as_they_are_make_no_new_context(tmp_path: Path) -> None:
    write(tmp_path)
    read = certificates(tmp_path, client_ca=True)
    read.context()
    assert read.changed() is None
    (tmp_path / "server.pem").touch()
    assert read.changed() is None


def test_files_that_change_make_one_new_context(tmp_path: Path) -> None:
    write(tmp_path)
    read = certificates(tmp_path)
    read.context()
    write(tmp_path)
    assert read.changed() is not None
    assert read.changed() is None


def test_a_broken_file_is_told_until_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path)
    read = certificates(tmp_path)
    read.context()
    good = (tmp_path / "server.pem").read_bytes()
    (tmp_path / "server.pem").write_text("no certificate")
    for _ in range(2):
        with pytest.raises(OSError, match=re.escape(str(tmp_path / "server.pem"))):
            read.changed()
    (tmp_path / "server.pem").write_bytes(good)
    assert read.changed() is None


@pytest.mark.parametrize("missing", ["server.pem", "server.key", "ca.pem"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    write(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        certificates(tmp_path, client_ca=True).context()
    assert caught.value.filename == str(tmp_path / missing)
    with pytest.raises(FileNotFoundError) as caught:
        client_context(str(tmp_path / "ca.pem"), str(tmp_path / "server.pem"), str(tmp_path / "server.key"))
    assert caught.value.filename == str(tmp_path / missing)


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "other")
    pair = ServerCertificates(tmp_path / "server.pem", tmp_path / "other.key", None)
    with pytest.raises(OSError, match=re.escape(f"{tmp_path / 'server.pem'}, {tmp_path / 'other.key'}: ")):
        pair.context()


def test_an_authority_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN NOTHING-----")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "ca.pem"))):
        client_context(str(tmp_path / "ca.pem"), None, None)
