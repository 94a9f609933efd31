"""What kills or could kill a real replica: kill -9 under load, and a forgotten batch dimension on a convolution."""

from __future__ import annotations

import signal

import grpc
import pytest

from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.e2e.conftest import Pair, Start
from tests.e2e.programs import CALL_S, START_S, Gateway, until
from tests.e2e.traffic import Traffic
from tests.fakes.tensors import PREDICT, floats_of

pytestmark = pytest.mark.slow


def is_up(gateway: Gateway, address: str) -> bool:
    """Whether the gateway sees the replica up, with the versions of half."""
    models = {model["name"]: model for model in gateway.status()["models"]}
    return any(
        replica["up"] and replica["versions"] == [1, 2]
        for replica in models["half"]["replicas"]
        if replica["address"] == address
    )


def test_kill_9_of_either_replica_fails_no_call(pair: Pair, managed: Gateway) -> None:
    """The second is killed once the first is back: that no call fails shows that the first one takes calls again."""
    first, second = pair.replicas
    with Traffic(managed.address) as traffic:
        traffic.every_key_calls()
        first.child.signal(signal.SIGKILL)
        until(lambda: not is_up(managed, first.address), "the gateway to see the death")
        traffic.every_key_calls()
        first.start()
        first.child.wait_ready(START_S)
        until(lambda: is_up(managed, first.address), "the gateway to see the replica again")
        second.child.signal(signal.SIGKILL)
        until(lambda: not second.child.running, "the second replica's end")
        traffic.every_key_calls()
        traffic.every_key_calls()
    assert traffic.words() == []
    assert traffic.ways() == {(1,), (2,)}


def images(*shape: int) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "conv"
    tensor = request.inputs["pixels"]
    tensor.dtype = tensor_pb2.DT_UINT8
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = bytes(64)
    return request


def ask(address: str, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        return predict_pb2.PredictResponse.FromString(call(request.SerializeToString(), timeout=CALL_S))


@pytest.mark.parametrize("joined", [True, False], ids=["joining", "not joining"])
def test_a_forgotten_batch_dimension_is_told_to_its_caller_and_every_replica_lives(
    joined: bool, pair: Pair, start_gateway: Start
) -> None:
    flags = ("--port", "0", "--http-port", "0", *([] if joined else ["--no-batching"]))
    gateway = start_gateway("--upstream", ",".join(pair.addresses), *flags)
    until(lambda: gateway.ready, "a gateway that is ready")
    for address in (gateway.address, *pair.addresses):
        with pytest.raises(grpc.RpcError) as caught:
            ask(address, images(8, 8, 1))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(floats_of(ask(address, images(1, 8, 8, 1)).outputs["scores"])) == 10
    assert all(replica.child.running for replica in pair.replicas)
