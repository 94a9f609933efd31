"""grpc.health.v1, under the service names TensorFlow Serving uses and under the full ones, on either transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.shell.server import ServerLink
from gateway.http2.stream import Stream
from gateway.server.methods import MODEL_SERVICE, PREDICTION_SERVICE
from gateway.server.status import Code
from gateway.server.streams import StreamCall

# TensorFlow Serving leaves out the package; clients that know the protocol don't.
NAMES = ("", "PredictionService", "ModelService", PREDICTION_SERVICE, MODEL_SERVICE)

_Status = health_pb2.HealthCheckResponse
_UNKNOWN = "?"  # any name that isn't ours
_UNREADABLE = "the message is no HealthCheckRequest"


class Health(Protocol):
    """Of a transport: NOT_SERVING until told otherwise; Watch streams every change."""

    async def set(self, serving: bool) -> None:
        """Tell everyone who asks or watches; nothing when it is no news."""


class Http2Health:
    """Health over our own transport. Who watches is bounded by `max_streaming_calls`."""

    def __init__(self) -> None:
        self.serving: bool | None = None
        self._watching: set[_Watch] = set()

    async def set(self, serving: bool) -> None:
        """See Health."""
        if serving is not self.serving:
            self.serving = serving
            for watch in tuple(self._watching):
                watch.tell()

    def check(self, link: ServerLink, stream: Stream, message: bytes) -> None:
        """Answer a Check; NOT_FOUND for a service that isn't ours."""
        name = _service_of(message)
        if name is None:
            link.respond_without(stream, tail_block(Code.INTERNAL, _UNREADABLE, (), alone=True))
        elif name not in NAMES:
            link.respond_without(stream, tail_block(Code.NOT_FOUND, "", (), alone=True))
        else:
            link.respond(stream, head_block(()), self.status(name), OK_TRAILERS)

    def watch(self, link: ServerLink, stream: Stream, ended: Callable[[StreamCall], None]) -> StreamCall:
        """A Watch began."""
        return _Watch(self, link, stream, ended)

    def status(self, service: str) -> bytes:
        """The response for a service."""
        if service not in NAMES:
            return bytes(_Status(status=_Status.SERVICE_UNKNOWN).SerializeToString())
        status = _Status.SERVING if self.serving else _Status.NOT_SERVING
        return bytes(_Status(status=status).SerializeToString())

    def joins(self, watch: _Watch) -> None:
        """From now on it is told of changes."""
        self._watching.add(watch)

    def leaves(self, watch: _Watch) -> None:
        """No more."""
        self._watching.discard(watch)


class _Watch(StreamCall):
    """One client that watches one service."""

    def __init__(
        self, health: Http2Health, link: ServerLink, stream: Stream, ended: Callable[[StreamCall], None]
    ) -> None:
        super().__init__(link, stream, ended)
        self._health = health
        self._service: str | None = None

    def message(self, message: bytes) -> None:
        if self._service is None:
            name = _service_of(message)
            if name is None:
                self.finish(Code.INTERNAL, _UNREADABLE)
                return
            self._service = name if name in NAMES else _UNKNOWN  # theirs may be long
            self._health.joins(self)
            self.tell()

    def half_closed(self) -> None:
        """It goes on watching."""

    def gone(self) -> None:
        super().gone()
        self._health.leaves(self)

    def tell(self) -> None:
        """Send the status as it is now."""
        self.push(self._health.status(self._service or ""))


def _service_of(message: bytes) -> str | None:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(message).service)
    except DecodeError:
        return None
