"""grpc.health.v1, under the service names TensorFlow Serving uses and under the full ones."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

from gateway.server.methods import MODEL_SERVICE, PREDICTION_SERVICE

# TensorFlow Serving leaves out the package; clients that know the protocol don't.
NAMES = ("", "PredictionService", "ModelService", PREDICTION_SERVICE, MODEL_SERVICE)


class Health:
    """NOT_SERVING until `set(True)`; Watch streams every change."""

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
