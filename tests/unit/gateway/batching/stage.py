"""A batcher on a stage: a loop that turns on command, callers by name, and a model server that answers when told."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.batching.counters import BatchCounters
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchPolicy
from gateway.batching.shell import Batcher
from gateway.call import NEVER_US, Call, Deadline, Headers, Message
from gateway.errors import Failure, Fate, NoReplica, UpstreamFailed
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

FLOAT = int(tensor_pb2.DT_FLOAT)
HEADERS: Headers = (("tidegate-version", "7"),)
FAILURES: Mapping[str, Failure] = {
    "invalid": UpstreamFailed(3, "a poisoned row", Fate.ANSWERED),
    "not_found": UpstreamFailed(5, "no such version", Fate.ANSWERED),
    "exhausted": UpstreamFailed(8, "Server Threadpool Exhausted", Fate.ANSWERED),
    "too_large": UpstreamFailed(8, "OOM when allocating", Fate.ANSWERED),
    "unavailable": UpstreamFailed(14, "connection refused", Fate.REFUSED),
    "no_replica": NoReplica("none is up"),
    "lost": UpstreamFailed(14, "the replica died", Fate.LOST),
}


class Scheduled:
    """A callback of StageLoop; `at_us` orders timers."""

    def __init__(self, callback: Callable[[], object], at_us: int = 0) -> None:
        self.callback = callback
        self.at_us = at_us
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class StageLoop:
    """Time stands still until `advance_us`; what was called soon runs at `turn`."""

    def __init__(self) -> None:
        self.now_us = 0
        self.soon: list[Scheduled] = []
        self.timers: list[Scheduled] = []

    def call_soon(self, callback: Callable[..., object], *args: object) -> Scheduled:
        self.soon.append(Scheduled(partial(callback, *args)))
        return self.soon[-1]

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Scheduled:
        self.timers.append(Scheduled(partial(callback, *args), self.now_us + round(delay * 1e6)))
        return self.timers[-1]

    def turn(self) -> None:
        while self.soon:
            ready, self.soon = self.soon, []
            for scheduled in ready:
                if not scheduled.cancelled:
                    scheduled.callback()

    def advance_us(self, step_us: int) -> None:
        self.now_us += step_us
        due = [timer for timer in self.timers if timer.at_us <= self.now_us]
        self.timers = [timer for timer in self.timers if timer.at_us > self.now_us]
        for timer in sorted(due, key=lambda timer: timer.at_us):
            if not timer.cancelled:
                timer.callback()
        self.turn()


def predict_message(values: Sequence[float], signature_name: str = "", width: int = 1) -> bytes:
    """A PredictRequest of one input `x`, shape (rows, width), float32."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    request.model_spec.signature_name = signature_name
    tensor = request.inputs["x"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (len(values) // width, width):
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = struct.pack(f"<{len(values)}f", *values)
    return request.SerializeToString()


def rowwise(rows: Sequence[float]) -> list[float]:
    """A model whose rows are independent."""
    return [10 * row for row in rows]


def mixing(rows: Sequence[float]) -> list[float]:
    """A model that spoils joins: each answer depends on the other rows."""
    return [row / sum(rows) for row in rows]


def centring(rows: Sequence[float]) -> list[float]:
    """Depends on other rows, which does not show while all rows are alike."""
    return [row - sum(rows) / len(rows) for row in rows]


def whole(rows: Sequence[float]) -> list[float]:
    """One answer for the whole batch."""
    return [sum(rows)]


MODELS = {"rowwise": rowwise, "mixing": mixing, "centring": centring, "whole": whole}


class Sent:
    """A message that the fake server has and has not answered; `x` are its values, padding included, in row order."""

    def __init__(
        self, message: Message, deadline: Deadline, done: Callable[[bytes | None, Failure | None], None]
    ) -> None:
        whole = message if isinstance(message, bytes) else b"".join(message)
        self.request = predict_pb2.PredictRequest.FromString(whole)
        content = self.request.inputs["x"].tensor_content
        self.width = self.request.inputs["x"].tensor_shape.dim[1].size
        self.x = struct.unpack(f"<{len(content) // 4}f", content)
        self.deadline_us = deadline.at_us
        self.done = done

    def answer(self, model: Callable[[Sequence[float]], list[float]]) -> None:
        y = model(self.x[:: self.width])  # of each row's first value
        response = predict_pb2.PredictResponse(model_spec=self.request.model_spec)
        response.model_spec.signature_name = self.request.model_spec.signature_name or "serving_default"
        tensor = response.outputs["y"]
        tensor.dtype = tensor_pb2.DT_FLOAT
        for size in (len(y), 1):
            tensor.tensor_shape.dim.add(size=size)
        tensor.float_val = struct.pack(f"<{len(y)}f", *y)
        self.done(response.SerializeToString(), None)


class Stage:
    """Offers, turns and answers; what happens is written to `events`, one line each."""

    def __init__(self, policy: BatchPolicy, slots: int = 1) -> None:
        self.loop = StageLoop()
        self.policy = policy
        self.slots = slots
        self.counters = BatchCounters()
        self.events: list[str] = []
        self.sent: dict[int, Sent] = {}
        self.calls: dict[str, Call] = {}
        self._names: dict[Call, str] = {}
        self._number = 0
        self.batcher = Batcher(
            self._send,
            self._fall_back,
            lambda upstream: self.slots,
            lambda model: self.policy,
            self.counters,
            lambda: self.loop.now_us,
            self.loop,
        )

    def offer(
        self, name: str, values: Sequence[float], deadline_us: int = NEVER_US, lane: int = 1, width: int = 1
    ) -> None:
        """A caller of this name offers these values, rows of `width`; `lane` picks the lane."""
        message = predict_message(values, width=width)
        call = Call("Predict", message, (), Deadline(deadline_us), self.loop.now_us, partial(self._finish, name))
        self.calls[name] = call
        self._names[call] = name
        packed = struct.pack(f"<{len(values)}f", *values)
        member = Member(call, (packed,), (("x", FLOAT, (width,)),), len(values) // width, len(packed), HEADERS)
        self.batcher.offer(LaneKey("pool", "digits", 7, "serving_default", (), (("x", FLOAT, (lane,)),)), member)

    def answer(self, number: int, model: str = "rowwise") -> None:
        self.sent.pop(number).answer(MODELS[model])

    def fail(self, number: int, failure: str) -> None:
        self.sent.pop(number).done(None, FAILURES[failure])

    def take_events(self) -> str:
        events, self.events = self.events, []
        return "\n".join(events)

    def _send(
        self, key: LaneKey, message: Message, deadline: Deadline, done: Callable[[bytes | None, Failure | None], None]
    ) -> Callable[[], None]:
        self._number += 1
        number = self._number
        sent = self.sent[number] = Sent(message, deadline, done)
        until = "" if sent.deadline_us == NEVER_US else f" until {sent.deadline_us}"
        self.events.append(f"send {number} x={_rows_text(sent)}{until}")

        def call_back() -> None:
            del self.sent[number]
            self.events.append(f"call back {number}")

        return call_back

    def _fall_back(self, key: LaneKey, member: Member, failure: Failure | None) -> None:
        self.events.append(f"{self._names[member.call]} runs alone: {failure}")

    def _finish(self, name: str, message: bytes | None, failure: Failure | None, headers: Headers) -> None:
        assert headers == HEADERS
        if message is None:
            self.events.append(f"{name} fails: {type(failure).__name__}: {failure}")
            return
        tensor = predict_pb2.PredictResponse.FromString(message).outputs["y"]
        y = struct.unpack(f"<{len(tensor.float_val) // 4}f", tensor.float_val)
        self.events.append(f"{name} gets y={_text(y)}")


def _rows_text(sent: Sent) -> str:
    """1,2,3; wide rows in brackets: [1,2][3,3]."""
    if sent.width == 1:
        return _text(sent.x)
    rows = [sent.x[start : start + sent.width] for start in range(0, len(sent.x), sent.width)]
    return "".join([f"[{_text(row)}]" for row in rows])


def _text(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)
