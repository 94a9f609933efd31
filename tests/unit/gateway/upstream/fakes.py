"""Replicas whose connections answer when the test says, or as a fake TensorFlow Serving does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from gateway.call import Headers, Message
from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.upstream.ask import METADATA_PATH
from gateway.upstream.connection import Cancel, Done
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import AVAILABLE, Replica, VersionState
from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.fakes.behaviour import FakeServing, Refused

UNAVAILABLE, NOT_FOUND, DEADLINE_EXCEEDED = 14, 5, 4


class Sent:
    """One message that a replica has; `answer` or `fail` ends it."""

    def __init__(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> None:
        self.path = path
        self.pieces = (message,) if isinstance(message, bytes) else message
        self.message = b"".join(self.pieces)
        self.timeout_s = timeout_s
        self.metadata = metadata
        self.cancelled = False
        self._done = done

    def answer(self, reply: bytes = b"ok") -> None:
        self._done(reply, None)

    def fail(self, code: int = UNAVAILABLE, text: str = "Socket closed", fate: Fate = Fate.ANSWERED) -> None:
        self._done(None, UpstreamFailed(code, text, fate))

    def die(self) -> None:
        """The replica dies with this message in flight."""
        self.fail(fate=Fate.LOST)


class FakeConnection:
    """Keeps what was sent; nothing is answered by itself."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.closed = False

    def send(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> Cancel:
        entry = Sent(path, message, timeout_s, metadata, done)
        self.sent.append(entry)

        def cancel() -> None:
            entry.cancelled = True

        return cancel

    async def close(self) -> None:
        self.closed = True


class ServingConnection:
    """Answers at the loop's next turn what `serving` says, or fails by `failures`: model name -> (code, fate)."""

    def __init__(self, serving: FakeServing) -> None:
        self.serving = serving
        self.failures: dict[str, tuple[int, Fate]] = {}
        self.asked: list[str] = []  # the models whose status was asked

    def send(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> Cancel:
        return (
            asyncio.get_running_loop()
            .call_soon(done, *self._end(path, b"".join([message] if isinstance(message, bytes) else message)))
            .cancel
        )

    def _end(self, path: str, message: bytes) -> tuple[bytes | None, Failure | None]:
        try:
            if path == METADATA_PATH:
                return self.serving.metadata(message), None
            model = management_pb2.GetModelStatusRequest.FromString(message).model_spec.name
            self.asked.append(model)
            if model in self.failures:
                code, fate = self.failures[model]
                return None, UpstreamFailed(code, "as the test says", fate)
            return self.serving.status(message), None
        except Refused as refused:
            return None, UpstreamFailed(int(refused.code.value[0]), refused.message, Fate.ANSWERED)

    async def close(self) -> None:
        """Nothing is open."""


def make_replica(address: str, versions: Iterable[int] = (1,), model: str = "digits") -> tuple[Replica, FakeConnection]:
    """A replica that is up and has these versions AVAILABLE."""
    connection = FakeConnection()
    replica = Replica(address, connection)
    replica.up = True
    replica.learn(model, {version: VersionState(AVAILABLE) for version in versions})
    return replica, connection


def make_upstream(*replicas: Replica, policy: UpstreamPolicy | None = None) -> Upstream:
    upstream = Upstream("pool", policy or UpstreamPolicy(), random.Random(7), 0)
    upstream.replicas = list(replicas)
    return upstream
