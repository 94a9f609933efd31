"""Bounds that can't be are refused where they are built."""

from __future__ import annotations

import pytest

from gateway.upstream.policy import TlsFiles, UpstreamPolicy


def test_every_bad_bound_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"max_in_flight_per_replica is 0.*; connect_timeout_s is -1"):
        UpstreamPolicy(max_in_flight_per_replica=0, connect_timeout_s=-1)


@pytest.mark.parametrize("files", [{"cert_file": "c.pem"}, {"key_file": "k.pem"}])
def test_certificate_and_key_belong_together(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="belong together"):
        TlsFiles(**files)
