"""Makes the connection to a replica, over the transport that its upstream's policy names."""

from __future__ import annotations

from collections.abc import Callable

from gateway.http2.shell.client import Address
from gateway.upstream.connection import Connection
from gateway.upstream.http2 import Http2Connection
from gateway.upstream.policy import Transport, UpstreamPolicy
from gateway.upstream.resolve import Endpoint, split_host_port
from gateway.upstream.wiring import Wiring

# Raises: OSError for a certificate that can't be read.
Connect = Callable[[Endpoint, UpstreamPolicy], Connection]


def connector(wiring: Wiring) -> Connect:
    """`wiring` is what connections of our own transport share."""

    def connect(endpoint: Endpoint, policy: UpstreamPolicy) -> Connection:
        if policy.transport is Transport.GRPCIO:
            from gateway.upstream.grpcio import GrpcioConnection  # costs memory and time only where it is wanted

            return GrpcioConnection(endpoint.target, endpoint.authority, policy)
        host, port = split_host_port(endpoint.address)
        name = policy.tls.server_name if policy.tls else None
        address = Address(host, port, name or split_host_port(endpoint.authority)[0])
        return Http2Connection(address, endpoint.authority, policy, wiring)

    return connect
