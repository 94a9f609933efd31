"""gRPC's own services over grpc.aio: health and reflection, by the libraries' servicers."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from gateway.server.health import NAMES
from gateway.server.reflection import SERVICES
from gateway.server.true_pool import true_pool


class GrpcioHealth:
    """See gateway.server.health.Health."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = health.HealthServicer()
        self.serving: bool | None = None
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set(self, serving: bool) -> None:
        """Tell everyone who asks or watches; nothing when it is no news."""
        if serving is self.serving:
            return
        self.serving = serving
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in NAMES:
            await self._servicer.set(name, status)


def add_reflection(server: grpc.aio.Server) -> None:
    """Serve reflection for the two services, health and reflection itself."""
    reflection.enable_server_reflection(SERVICES, server, pool=true_pool())
