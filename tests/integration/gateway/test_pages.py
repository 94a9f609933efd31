"""What machines ask a gateway: health and metrics pages, gRPC health, reflection."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.names import METRICS
from tests.fakes.behaviour import AVAILABLE
from tests.fakes.tensors import PREDICT, predict_message
from tests.integration.gateway.conftest import House, over_both

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), over_both]


async def test_pages_answer(house: House) -> None:
    assert await house.gateway.get("/healthz") == (200, '{"alive": true}')
    assert await house.gateway.get("/readyz") == (200, '{"ready": true, "problems": []}')


async def test_every_metric_that_is_served_is_documented(house: House) -> None:
    house.serve("measured", {1: AVAILABLE})
    await house.gateway.predict(predict_message(model="measured"))
    _, text = await house.gateway.get("/metrics")
    served = {family.name for family in text_string_to_metric_families(text)}
    ours = {name.removesuffix("_total") for name in METRICS}
    assert {name for name in served if name.startswith("tidegate_")} <= ours
    assert "tidegate_requests" in served


async def test_health_is_told_under_tensorflow_servings_names_and_the_full_ones(house: House) -> None:
    stub: Any = health_pb2_grpc.HealthStub(house.gateway.channel)  # its types don't know its methods
    for name in ("", "PredictionService", "ModelService", "tensorflow.serving.PredictionService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_watch_of_a_service_that_is_not_ours_says_so_and_goes_on(house: House) -> None:
    stub: Any = health_pb2_grpc.HealthStub(house.gateway.channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("nobody", "PredictionService")]
    told = [(await watch.read()).status for watch in watches]
    assert told == [health_pb2.HealthCheckResponse.SERVICE_UNKNOWN, health_pb2.HealthCheckResponse.SERVING]
    assert not any(watch.done() for watch in watches)
    for watch in watches:
        watch.cancel()


def ask_by_reflection(address: str, *symbols: str) -> list[str]:
    """What a server answers to questions for symbols on one stream, each in short."""
    with grpc.insecure_channel(address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # its types don't know its methods
        questions = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol) for symbol in symbols]
        return [
            answer.WhichOneof("message_response") for answer in stub.ServerReflectionInfo(iter(questions), timeout=60)
        ]


async def test_questions_of_one_stream_are_answered_in_order(house: House) -> None:
    ours, nobodys = "tensorflow.serving.PredictResponse", "nobody.Knows"
    address = f"127.0.0.1:{house.gateway.port}"
    told = await asyncio.to_thread(ask_by_reflection, address, ours, nobodys, *[ours] * 20)
    assert told == ["file_descriptor_response", "error_response", *["file_descriptor_response"] * 20]


def call_by_reflection(address: str) -> tuple[list[str], int, list[float]]:
    """(services, version, y): a Predict by a client that knows nothing but the address."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        service = DescriptorPool(database).FindServiceByName("tensorflow.serving.PredictionService")
        method = service.methods_by_name["Predict"]
        request: Any = GetMessageClass(method.input_type)()
        request.model_spec.name = "reflected"
        tensor = request.inputs["x"]
        tensor.dtype = 1
        for size in (1, 2):
            tensor.tensor_shape.dim.add(size=size)
        tensor.float_val.extend([1.0, 2.0])
        call: Any = channel.unary_unary(
            PREDICT,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        response: Any = call(request, timeout=60)
        values = list(response.outputs["y"].float_val)
        return sorted(database.get_services()), response.model_spec.version.value, values


async def test_a_client_that_knows_only_reflection_can_call_predict(house: House) -> None:
    house.serve("reflected", {1: AVAILABLE})
    services, version, values = await asyncio.to_thread(call_by_reflection, f"127.0.0.1:{house.gateway.port}")
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= set(services)
    assert (version, values) == (1, [1.5, 2.0])
