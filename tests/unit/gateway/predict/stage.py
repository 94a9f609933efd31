"""A gateway's inside without sockets: real table, courier and batcher before replicas that answer when told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from gateway.batching.counters import BatchCounters
from gateway.batching.key import LaneKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import Done
from gateway.batching.shell import Batcher
from gateway.call import Call, Deadline, Headers, Message, monotonic_us
from gateway.errors import Failure
from gateway.limits.admission import Admission
from gateway.limits.suspects import SuspectPolicy, SuspectRules
from gateway.predict.context import Context, Shield
from gateway.predict.handle import Handler
from gateway.predict.journey import run_alone
from gateway.routing.route import ModelRoute
from gateway.routing.table import RouteTable
from gateway.telemetry.counters import Counters
from gateway.upstream.catalog import Catalog
from gateway.upstream.courier import Courier, Errand
from gateway.wire.signature import Signature, TensorSpec
from tests.fakes.tensors import PREDICT, predict_message
from tests.unit.gateway.upstream.fakes import FakeConnection, Sent, make_replica, make_upstream

FLOAT = 1


class Outcome:
    """One call and how it ended."""

    def __init__(self, method: str, message: bytes, metadata: Headers) -> None:
        self.reply: bytes | None = None
        self.failure: Failure | None = None
        self.headers: dict[str, str | bytes] = {}
        self.call = Call(method, message, metadata, Deadline(), monotonic_us(), self._finish)

    def _finish(self, reply: bytes | None, failure: Failure | None, headers: Headers) -> None:
        self.reply, self.failure, self.headers = reply, failure, dict(headers)

    @property
    def said(self) -> str:
        """The kind of failure and its words."""
        return f"{type(self.failure).__name__}: {self.failure}"


class Stage:
    """Replicas a, b, ... with the versions given; `table` and what `refresh` finds are the test's to change."""

    def __init__(self, *versions: list[int], route: ModelRoute | None = None, mode: BatchMode = BatchMode.OFF) -> None:
        made = [make_replica(chr(ord("a") + index), having) for index, having in enumerate(versions)]
        self.replicas = [replica for replica, _ in made]
        self.connections: list[FakeConnection] = [connection for _, connection in made]
        self.upstream = make_upstream(*self.replicas)
        self.counters = Counters()
        self.batch_counters = BatchCounters()
        self.refreshed: list[tuple[str, str]] = []
        self.on_refresh: Callable[[], None] = lambda: None
        self.doubt: Failure | None = None
        self._seen: set[int] = set()
        courier = Courier(SuspectRules(SuspectPolicy()), self.counters)
        catalog = Catalog()
        for version in sorted({version for having in versions for version in having}):
            catalog.put("pool", "digits", version, {"serving_default": signature()})
        self.context = Context(
            table=RouteTable.of([route or ModelRoute("digits", "pool", version=1)], "pool"),
            upstreams={"pool": self.upstream},
            catalog=catalog,
            courier=courier,
            batcher=self._batcher(courier),
            admission=Admission(10),
            shield=Shield(),
            refresh=self._refresh,
            batch_policy=lambda model: BatchPolicy(mode=mode),
            chance=random.Random(7),
            counters=self.counters,
        )
        self.handler = Handler(self.context)

    def start(self, method: str = "Predict", message: bytes | None = None, **headers: str) -> Outcome:
        """A client's call comes in."""
        metadata = tuple((key.replace("_", "-"), value) for key, value in headers.items())
        outcome = Outcome(method, predict_message().SerializeToString() if message is None else message, metadata)
        self.handler(outcome.call)
        return outcome

    def sent(self) -> list[tuple[str, Sent]]:
        """(replica, message) of what was sent since the last time this was asked."""
        pairs = zip(self.replicas, self.connections, strict=True)
        new = [(replica.address, each) for replica, connection in pairs for each in connection.sent]
        new = [(address, each) for address, each in new if id(each) not in self._seen]
        self._seen.update(id(each) for _, each in new)
        return new

    def _refresh(self, upstream: str, model: str, then: Callable[[Failure | None], None], /) -> None:
        self.refreshed.append((upstream, model))
        self.on_refresh()
        then(self.doubt)

    def _batcher(self, courier: Courier) -> Batcher:
        def send(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> None:
            def delivered(reply: bytes | None, failure: Failure | None, _replica: object) -> None:
                done(reply, failure)

            errand = Errand(self.upstream, key.model, key.version, PREDICT, message, (), deadline, None, delivered)
            courier.carry(errand)

        def policy_of(model: str) -> BatchPolicy:
            return self.context.batch_policy(model)  # made after the batcher

        loop = asyncio.get_running_loop()
        return Batcher(send, run_alone, lambda upstream: 2, policy_of, self.batch_counters, monotonic_us, loop)


def signature(features: int = 2) -> Signature:
    """Rows of float32 in, rows of float32 out."""
    spec = TensorSpec(FLOAT, (-1, features), "x:0")
    return Signature({"x": spec}, {"y": spec}, "tensorflow/serving/predict")
