"""Clients of other families, grpc-go and grpc-js, before the gateway: what they get is what gRPC promises."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.behaviour import Fault
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import CLASSIFY, PREDICT, answer_of, floats_of, predict_message
from tests.fakes.waiting import until
from tests.interop.conftest import Front
from tests.interop.house import gateway
from tests.interop.peers import Peer, unary

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROW = predict_message((1.0, 2.0)).SerializeToString()


@pytest_asyncio.fixture(loop_scope="session")
async def held(front: Front) -> AsyncIterator[asyncio.Event]:
    """The next Predict waits on the replica until this is set."""
    release = asyncio.Event()
    front.replica.inject(Fault(until=release))
    yield release
    release.set()
    front.replica.recover()


@pytest.mark.parametrize("floats", [2, 64 * 256 + 2, 1024 * 256, 4_000_000 // 4])
async def test_a_predict_is_answered_whatever_its_size(client: Peer, floats: int) -> None:
    values = [float(number % 512) for number in range(floats)]
    ended = await client.call(PREDICT, predict_message(values).SerializeToString())
    assert (ended.code, ended.text) == (0, "")
    reply = predict_pb2.PredictResponse.FromString(ended.message)
    assert floats_of(reply.outputs["y"]) == answer_of(values, 1)


async def test_a_compressed_request_is_taken(client: Peer) -> None:
    values = [float(number % 512) for number in range(64 * 256)]
    ended = await client.call(PREDICT, predict_message(values).SerializeToString(), gzip=True)
    assert (ended.code, ended.text) == (0, "")
    reply = predict_pb2.PredictResponse.FromString(ended.message)
    assert floats_of(reply.outputs["y"]) == answer_of(values, 1)


async def test_messages_of_any_bytes_are_forwarded_as_they_came(client: Peer, front: Front) -> None:
    """An unknown field of every byte value behind a model spec; the gateway only adds the version it chose."""
    spec = predict_message().model_spec.SerializeToString()
    message = b"\x0a" + bytes([len(spec)]) + spec + b"\xba\x3e\x80\x20" + bytes(range(256)) * 16
    ended = await client.call(CLASSIFY, message)
    assert (ended.code, ended.text) == (0, "")
    assert ended.message == front.replica.calls("Classify")[-1].message
    assert ended.message.startswith(message)
    assert len(ended.message) < len(message) + 32


async def test_metadata_passes_both_ways(client: Peer, front: Front) -> None:
    binary = bytes(range(256))
    metadata = [("x-note", "a note, with punctuation; and = signs"), ("x-trace-bin", base64.b64encode(binary).decode())]
    ended = await client.call(PREDICT, ROW, metadata=metadata)
    assert ended.code == 0
    assert ended.headers["tidegate-arm"]
    assert ended.headers["tidegate-version"] == "1"
    came = front.replica.calls()[-1].metadata
    assert came["x-note"] == "a note, with punctuation; and = signs"
    assert came["x-trace-bin"] == binary


async def test_a_deadline_ends_the_call_here_and_on_the_replica(
    client: Peer, front: Front, held: asyncio.Event
) -> None:
    ended = await client.call(PREDICT, ROW, timeout_ms=400)
    assert ended.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    received = front.replica.calls()[-1]
    assert received.timeout_s is not None
    assert received.timeout_s <= 0.41  # C-core rounds timeouts up by a hundredth
    await until(lambda: received.cancelled, "the replica's call to be cancelled")


async def test_a_cancelled_call_is_cancelled_on_the_replica(client: Peer, front: Front, held: asyncio.Event) -> None:
    number = client.send("call", **unary(PREDICT, ROW))
    await until(lambda: front.replica.in_flight == 1, "the call to reach the replica")
    client.send("cancel", number)
    ended = await client.ended(number)
    assert ended.code == grpc.StatusCode.CANCELLED.value[0]
    received = front.replica.calls()[-1]
    await until(lambda: received.cancelled, "the replica's call to be cancelled")


async def test_an_error_keeps_its_text_its_details_and_its_trailers(client: Peer, front: Front) -> None:
    text = "Modell „größe“ zu 100 % unbekannt\nzweite Zeile, 模型, \x7f"
    details = b"\x08\x05\x12" + bytes([len(text.encode())]) + text.encode()  # google.rpc.Status: code, message
    trailers = (("grpc-status-details-bin", details), ("x-why", "because"), ("x-why-bin", b"\x00\xff\x80"))
    front.replica.inject(Fault(code=grpc.StatusCode.NOT_FOUND, message=text, trailers=trailers))
    ended = await client.call(PREDICT, predict_message(version=1).SerializeToString())
    assert (ended.code, ended.text) == (grpc.StatusCode.NOT_FOUND.value[0], text)
    assert ended.details == details
    assert ended.trailers["x-why"] == "because"
    assert base64.b64decode(ended.trailers["x-why-bin"]) == b"\x00\xff\x80"
    assert ended.trailers["tidegate-version"] == "1"


async def test_the_gateways_own_errors_arrive(client: Peer) -> None:
    ended = await client.call(PREDICT, b"")
    assert (ended.code, ended.text) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], "Missing ModelSpec")
    ended = await client.call("/tensorflow.serving.PredictionService/NoSuchMethod", b"")
    assert ended.code == grpc.StatusCode.UNIMPLEMENTED.value[0]


async def test_a_gateway_replaced_under_load_loses_no_call(family: str, transport: str, tmp_path: Path) -> None:
    """SIGTERM while calls run, one of them slow; its successor takes the port. None fails, none is sent twice."""
    replica = FakeReplica()
    address = await replica.start()
    first = gateway(tmp_path, transport, [address])
    await first.start()
    client = Peer(family, "client", f"127.0.0.1:{first.port}")
    await client.start()
    (tmp_path / "second").mkdir()
    second = gateway(tmp_path / "second", transport, [address], first.port)
    release = asyncio.Event()
    try:
        replica.inject(Fault(until=release))
        slow = client.send("call", **unary(PREDICT, ROW))
        await until(lambda: replica.in_flight == 1, "the slow call to reach the replica")
        load = client.send("load", **unary(PREDICT, ROW), callers=8, wait_for_ready=True)
        await until(lambda: len(replica.calls()) > 100, "the load to run")
        first.signal(signal.SIGTERM)
        await until(lambda: "draining" in first.log, "the gateway to drain")
        release.set()
        assert await first.wait() == 0
        assert (await client.ended(slow)).code == 0
        before = len(replica.calls())
        await second.start()
        await until(lambda: len(replica.calls()) > before + 100, "the load to go on")
        client.send("stop", load)
        ended = await client.answer(load)
        if transport == "grpcio":  # C-core cancels calls that cross its GOAWAY; they never reached a replica
            ended["codes"].pop("1", None)
        assert ended["codes"] == {"0": len(replica.calls()) - 1}, ended["texts"]
    finally:
        release.set()
        await client.stop()
        await first.stop()
        if second.status is None:
            await second.stop()
        await replica.stop()
