"""Servers of other families, grpc-go and grpc-js, behind the gateway: as replicas with recorded answers."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import any_pb2

from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.behaviour import FakeServing
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.tensors import METADATA, PREDICT, STATUS, answer_of, floats_of, predict_message
from tests.fakes.waiting import until
from tests.interop.house import gateway
from tests.interop.peers import Peer, unary

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROW = predict_message((1.0, 2.0)).SerializeToString()
ASKED = predict_message().model_spec.SerializeToString()
SPEC_ALONE = b"\x0a" + bytes([len(ASKED)]) + ASKED  # GetModelStatus' and GetModelMetadata's request
RECORDED = {
    PREDICT: FakeServing().predict(ROW),
    STATUS: FakeServing().status(SPEC_ALONE),
    METADATA: FakeServing().metadata(SPEC_ALONE),
}


@dataclass(frozen=True, slots=True)
class Back:
    """A gateway before two servers of one language; tests may replace the servers."""

    gateway: GatewayProcess
    servers: list[Peer]

    async def tell(self, path: str, message: bytes, **fields: Any) -> None:
        """Both servers answer this method so from now on."""
        for server in self.servers:
            await server.answer(server.send("answer", **unary(path, message), **fields))

    async def seen(self) -> list[int]:
        """How many Predict calls each server got."""
        return [(await server.answer(server.send("seen", path=PREDICT)))["calls"] for server in self.servers]


async def started(family: str, port: int = 0) -> Peer:
    """A server with the recorded answers."""
    server = Peer(family, "server", f"127.0.0.1:{port}")
    await server.start(wait_for_port=True)
    for path, message in RECORDED.items():
        await server.answer(server.send("answer", **unary(path, message)))
    return server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def back(family: str, transport: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Back]:
    servers = [await started(family) for _ in range(2)]
    addresses = [f"127.0.0.1:{server.port}" for server in servers]
    front = gateway(tmp_path_factory.mktemp("back"), transport, addresses)
    try:
        await front.start()
        yield Back(front, servers)
    finally:
        await front.stop()
        for server in servers:
            await server.stop()


async def test_recorded_answers_come_through(back: Back) -> None:
    """Predict, and what the gateway merges or reads itself: status and metadata."""
    assert await back.gateway.predict(predict_message((1.0, 2.0))) == (1, answer_of((1.0, 2.0), 1))
    assert await back.gateway.call(METADATA, SPEC_ALONE) == RECORDED[METADATA]
    assert await back.gateway.call(STATUS, SPEC_ALONE) == RECORDED[STATUS]


@pytest.mark.parametrize("floats", [64 * 256 + 2, 1024 * 256, 4_000_000 // 4])
async def test_large_messages_pass_both_ways(back: Back, floats: int) -> None:
    values = [float(number % 512) for number in range(floats)]
    request = predict_message(values).SerializeToString()
    reply = FakeServing().predict(request)
    await back.tell(PREDICT, reply)
    try:
        answered = await back.gateway.call(PREDICT, request)
    finally:
        await back.tell(PREDICT, RECORDED[PREDICT])
    assert floats_of(predict_pb2.PredictResponse.FromString(answered).outputs["y"]) == answer_of(values, 1)


async def test_metadata_and_an_error_with_details_pass(back: Back) -> None:
    text = "Größe 0 %: modèle indisponible"
    details = status_proto(9, text)
    failure = {"code": 9, "text": text, "details": base64.b64encode(details).decode()}
    await back.tell(PREDICT, b"", **failure, trailers=[("x-why", "because"), ("x-why-bin", "AP+A")])
    before = await back.seen()
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = back.gateway.channel.unary_unary(PREDICT)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(ROW, metadata=(("x-note", "a note"), ("x-trace-bin", bytes(range(256)))), timeout=60)
    await back.tell(PREDICT, RECORDED[PREDICT])
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, text)
    trailers = dict(caught.value.trailing_metadata() or ())
    assert trailers["grpc-status-details-bin"] == details
    assert (trailers["x-why"], trailers["x-why-bin"]) == ("because", b"\x00\xff\x80")
    assert trailers["tidegate-version"] == "1"
    after = await back.seen()
    chosen = next(server for server, old, new in zip(back.servers, before, after, strict=True) if new > old)
    came = dict((await chosen.answer(chosen.send("seen", path=PREDICT)))["metadata"])
    assert came["x-note"] == "a note"
    assert base64.b64decode(came["x-trace-bin"]) == bytes(range(256))


def status_proto(code: int, text: str) -> bytes:
    """A google.rpc.Status with one detail."""
    said = text.encode()
    detail = any_pb2.Any(type_url="type.googleapis.com/made.up.Detail", value=b"\x08\x2a").SerializeToString()
    return bytes([0x08, code, 0x12, len(said)]) + said + bytes([0x1A, len(detail)]) + detail


async def test_a_server_restarted_under_load_fails_no_call(back: Back, family: str) -> None:
    """It says GOAWAY, finishes, ends; another takes its port and gets calls again."""
    over = asyncio.Event()
    ended: Counter[str] = Counter()

    async def caller() -> None:
        while not over.is_set():
            try:
                await back.gateway.call(PREDICT, ROW)
                ended["OK"] += 1
            except grpc.aio.AioRpcError as error:
                ended[f"{error.code()}: {error.details()}"] += 1

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    try:
        await until(lambda: ended.total() > 50, "the load to run")
        leaving = back.servers[0]
        leaving.send("drain")
        assert await leaving.wait() == 0
        after_leaving = ended.total()
        await until(lambda: ended.total() > after_leaving + 50, "the load to go on")
        back.servers[0] = await started(family, leaving.port)
        await calls_reach(back, 0)
    finally:
        over.set()
        await asyncio.gather(*callers)
    assert set(ended) == {"OK"}


async def calls_reach(back: Back, number: int) -> None:
    """Wait until a server got calls."""
    asked = asyncio.get_running_loop().time()
    while not (await back.seen())[number]:
        assert asyncio.get_running_loop().time() < asked + 60, "no call came to the restarted server"
