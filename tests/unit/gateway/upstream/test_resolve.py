"""Addresses as people write them, and what they become."""

from __future__ import annotations

import pytest

from gateway.upstream.resolve import Endpoint, resolve, split_host_port


@pytest.mark.parametrize(
    ("spec", "wanted"), [("host:1", ("host", 1)), ("[::1]:8500", ("::1", 8500)), ("a.b-c:65535", ("a.b-c", 65535))]
)
def test_host_and_port_are_told_apart(spec: str, wanted: tuple[str, int]) -> None:
    assert split_host_port(spec) == wanted


@pytest.mark.parametrize("spec", ["host", ":1", "host:", "host:0", "host:65536", "host:http", "host:-1", ""])
def test_what_is_no_address_is_named(spec: str) -> None:
    with pytest.raises(ValueError, match="is no replica address; wanted host:port"):
        split_host_port(spec)


async def test_numbers_need_no_lookup() -> None:
    assert await resolve("127.0.0.1:8500") == [Endpoint("127.0.0.1:8500", "ipv4:127.0.0.1:8500", "127.0.0.1:8500")]
    assert await resolve("[::1]:8500") == [Endpoint("[::1]:8500", "ipv6:[::1]:8500", "[::1]:8500")]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64])
async def test_a_name_that_means_nothing_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await resolve(f"{host}:1")
