"""What keeps a gateway from starting is one clear message and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.app.run import EXIT_WRONG_INPUT, run
from tests.unit.gateway.app.settings import settings_of


def test_an_upstreams_certificate_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was there when the file was checked."""
    certificate = tmp_path / "ca.pem"
    certificate.write_text("a certificate")
    settings = settings_of(tmp_path, "default_upstream: pool\n", ", tls: {ca_file: ca.pem}")
    certificate.unlink()
    assert run(settings, None, tmp_path / "state") == EXIT_WRONG_INPUT
    assert capsys.readouterr().err == f"gateway: {certificate}: No such file or directory\n"
