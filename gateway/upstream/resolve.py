"""Replica addresses from configuration to connectable ones: a host name with several addresses is several replicas."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """`address` is what people read ("10.0.0.7:8500"), `target` what gRPC connects to, `authority` who is asked for."""

    address: str
    target: str
    authority: str


def split_host_port(spec: str) -> tuple[str, int]:
    """("host", port) of "host:port" or "[v6]:port". Raises: ValueError naming what came and what was wanted."""
    host, separator, port = spec.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f'"{spec}" is no replica address; wanted host:port (port 1 to 65535)')
    return host.strip("[]"), int(port)


async def resolve(spec: str) -> list[Endpoint]:
    """All endpoints behind one configured address, sorted. Raises: OSError when the name can't be resolved."""
    host, port = split_host_port(spec)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one of more than 63 characters
        raise OSError(f'"{host}" is no host name: {error}') from error
    return [_endpoint(str(entry[4][0]), port, spec) for entry in sorted(set(found), key=lambda entry: str(entry[4]))]


def _endpoint(ip: str, port: int, authority: str) -> Endpoint:
    if ipaddress.ip_address(ip.partition("%")[0]).version == 6:
        return Endpoint(f"[{ip}]:{port}", f"ipv6:[{ip}]:{port}", authority)
    return Endpoint(f"{ip}:{port}", f"ipv4:{ip}:{port}", authority)
