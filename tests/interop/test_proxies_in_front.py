"""nginx (grpc_pass) and Envoy (an HTTP/2 cluster) in front of the gateway: as many platforms run it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.behaviour import Fault
from tests.fakes.tensors import PREDICT, answer_of, floats_of, predict_message
from tests.fakes.waiting import DEADLINE_S
from tests.interop.conftest import Front
from tests.interop.proxies import WHERE, Proxy

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=list(WHERE))
async def proxied(started: Front, request: pytest.FixtureRequest) -> AsyncIterator[Method]:
    kind = str(request.param)
    if WHERE[kind]() is None:
        pytest.skip(f"{kind} is not installed: install {kind}")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too long for the path of a socket
        proxy = Proxy(kind, Path(folder), started.gateway.port)
        try:
            await proxy.start()
            async with grpc.aio.insecure_channel(proxy.address) as channel:
                await asyncio.wait_for(channel.channel_ready(), DEADLINE_S)
                method: Method = channel.unary_unary(PREDICT)
                yield method
        finally:
            await proxy.stop()


@pytest.fixture
def predict(proxied: Method, front: Front) -> Method:
    """Predict through a proxy, by grpcio."""
    return proxied


@pytest.mark.parametrize("floats", [2, 64 * 256 + 2, 1024 * 256])
async def test_a_predict_passes_whatever_its_size(predict: Method, floats: int) -> None:
    values = [float(number % 512) for number in range(floats)]
    call = predict(predict_message(values).SerializeToString(), timeout=60)
    reply = predict_pb2.PredictResponse.FromString(await call)
    assert floats_of(reply.outputs["y"]) == answer_of(values, 1)
    assert dict(await call.initial_metadata())["tidegate-version"] == "1"


async def test_many_calls_share_the_proxys_connections(predict: Method) -> None:
    calls = [predict(predict_message((float(number), 0.0)).SerializeToString(), timeout=60) for number in range(100)]
    for number, call in enumerate(calls):
        reply = predict_pb2.PredictResponse.FromString(await call)
        assert floats_of(reply.outputs["y"]) == answer_of((float(number), 0.0), 1)


async def test_an_error_of_trailers_only_keeps_code_text_and_trailers(predict: Method, front: Front) -> None:
    text = "Größe 0 %: modèle indisponible"
    trailers = (("x-why-bin", bytes(range(256))),)
    front.replica.inject(Fault(code=grpc.StatusCode.FAILED_PRECONDITION, message=text, trailers=trailers))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await predict(predict_message().SerializeToString(), timeout=60)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, text)
    told = dict((*(caught.value.initial_metadata() or ()), *(caught.value.trailing_metadata() or ())))
    assert told["x-why-bin"] == bytes(range(256))
    assert told["tidegate-version"] == "1"
