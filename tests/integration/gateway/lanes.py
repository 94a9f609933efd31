"""A gateway that joins calls in batches of eight, before one fake replica; and callers who fill such batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import grpc

from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.gateway_process import GatewayProcess, write_config
from tests.fakes.raw_wire import Fields, RawClient
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import answer_of, floats_of, predict_message
from tests.integration.gateway.conftest import StartGateway

ROWS, PREFIX_BYTES = 8, 5
BAD = 666.0  # in a poisoned row, where the replica knows it for one
INNOCENT = [float(number) for number in range(1, ROWS)]
NEVER_S = 600  # a lane that isn't full keeps its callers longer than any test lasts
Outcome = tuple[grpc.StatusCode, list[float] | str]
BATCHING = 'mode: "on", slots_per_replica: 1'
WAITS_UNTIL_FULL = f"{BATCHING}, max_batch_size: {ROWS}, batch_timeout_micros: {NEVER_S * 1_000_000}"


@dataclass(frozen=True, slots=True)
class Scene:
    """One replica in the test's loop and the gateway's process."""

    replica: FakeReplica
    gateway: GatewayProcess

    def batches(self) -> list[list[float]]:
        """The first value of each row, of each call that the replica saw."""
        found = []
        for received in self.replica.calls():
            tensor = predict_pb2.PredictRequest.FromString(received.message).inputs["x"]
            found.append(floats_of(tensor)[:: tensor.tensor_shape.dim[1].size])
        return found

    async def events(self, event: str) -> float:
        return await self.gateway.metric("tidegate_batch_events_total", event=event)


async def start_scene(
    folder: Path, replica: FakeReplica, start_gateway: StartGateway, batching: str = WAITS_UNTIL_FULL
) -> Scene:
    return Scene(replica, await gateway_before(folder, [replica.address], start_gateway, batching))


async def gateway_before(
    folder: Path, addresses: Sequence[str], start_gateway: StartGateway, batching: str = WAITS_UNTIL_FULL
) -> GatewayProcess:
    """A gateway that has read the signatures already: from here on calls are checked and joined."""
    path = folder / "gateway.yaml"
    text = f"default_upstream: pool\nmodels: {{digits: {{upstream: pool}}}}\nbatching: {{{batching}}}\n"
    write_config(path, addresses, text + "shield: {max_tensor_bytes: 1048576}\n")
    gateway = await start_gateway("--config", str(path))
    while (await outcome(gateway, WRONG))[0] is grpc.StatusCode.OK:
        pass
    return gateway


WRONG = predict_message([1.0, 2.0], shape=(2,))


def row(number: float) -> list[float]:
    return [float(number), number + 0.5]


async def outcome(gateway: GatewayProcess, request: predict_pb2.PredictRequest, timeout_s: float = 60.0) -> Outcome:
    """(code, the answer's values or the error's words)."""
    try:
        _, answer = await gateway.predict(request, timeout_s)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, answer


def callers(gateway: GatewayProcess, numbers: Sequence[float]) -> list[asyncio.Task[Outcome]]:
    """One caller for each, all calling."""
    return [asyncio.create_task(outcome(gateway, predict_message(row(number)))) for number in numbers]


def right(numbers: Sequence[float]) -> list[Outcome]:
    """What these callers must hear."""
    return [(grpc.StatusCode.OK, answer_of(row(number), 1)) for number in numbers]


class Stranger:
    """A caller of whom it is known that the gateway has its calls: they lie in their lane once `calls` returns."""

    def __init__(self, client: RawClient) -> None:
        self.client = client

    @classmethod
    async def connect(cls, gateway: GatewayProcess, *pairs: tuple[int, int]) -> Stranger:
        stranger = cls(await RawClient.connect(gateway.port, *pairs))
        stranger.client.say(frames.window_update(0, 1 << 24))
        return stranger

    async def calls(self, requests: Sequence[predict_pb2.PredictRequest], more: Fields = ()) -> list[int]:
        """One call for each; the streams."""
        streams = list(range(1, 2 * len(requests), 2))
        for stream_id, request in zip(streams, requests, strict=True):
            self.client.say(self.client.request(stream_id, request.SerializeToString(), more=more))
        await self._heard()
        return streams

    async def answers(self, streams: Sequence[int]) -> list[tuple[int, list[float]]]:
        """(gRPC status, the answer's values) of each, whatever their order; of all calls made, once."""
        statuses: dict[int, int] = {}
        bodies = dict.fromkeys(streams, b"")
        for at in count():  # answers may have come before `calls` returned
            if len(statuses) == len(streams):
                break
            if at == len(self.client.heard) and await self.client.frame() is None:
                raise AssertionError(f"the connection ended; {len(statuses)} of {len(streams)} calls were answered")
            frame = self.client.heard[at]
            if frame.kind == frames.DATA and frame.stream_id in bodies:
                bodies[frame.stream_id] += frame.payload
            elif frame.kind == frames.HEADERS:
                status = self.client.fields(frame).get("grpc-status")
                if status is not None and frame.stream_id in bodies:
                    statuses[frame.stream_id] = int(status)
        return [(statuses[stream_id], _values(bodies[stream_id])) for stream_id in streams]

    async def leaves(self, streams: Sequence[int]) -> None:
        self.client.say(*[frames.rst_stream(stream_id, ErrorCode.CANCEL) for stream_id in streams])
        await self._heard()

    async def _heard(self) -> None:
        """The gateway handles frames in order: once it answers a PING, all before it is done."""
        self.client.say(frames.ping(b"heard me"))
        while True:
            frame = await self.client.hears(frames.PING)
            if frame.flags & frames.ACK:
                return


def requests(numbers: Sequence[float]) -> list[predict_pb2.PredictRequest]:
    return [predict_message(row(number)) for number in numbers]


def splat(rows: int, width: int) -> predict_pb2.PredictRequest:
    """One value that stands for all."""
    request = predict_message([1.0], (rows, width))
    tensor = request.inputs["x"]
    tensor.float_val = tensor.tensor_content
    tensor.ClearField("tensor_content")
    return request


def _values(body: bytes) -> list[float]:
    return floats_of(predict_pb2.PredictResponse.FromString(body[PREFIX_BYTES:]).outputs["y"])
