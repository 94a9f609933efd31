"""Two clients nobody here wrote, unchanged: tensorflow-serving-api's stubs and ovmsclient."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from tests.fakes.behaviour import AVAILABLE, LOADING, FakeModel, FakeServing
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.interop.house import gateway

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway before two fake replicas whose loop runs in a thread: these clients block."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=120)

    async def start(folder: Path) -> tuple[GatewayProcess, list[FakeReplica]]:
        replicas = [FakeReplica(FakeServing({"digits": FakeModel({1: AVAILABLE, 2: LOADING})})) for _ in range(2)]
        started = gateway(folder, transport, [await replica.start() for replica in replicas])
        await started.start()
        return started, replicas

    async def stop(started: GatewayProcess, replicas: list[FakeReplica]) -> None:
        await started.stop()
        for replica in replicas:
            await replica.stop()

    try:
        started, replicas = wait(start(tmp_path_factory.mktemp("interop")))
        yield f"127.0.0.1:{started.port}"
        wait(stop(started, replicas))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_tensorflow_serving_api_predicts(address: str) -> None:
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "digits"
        rows = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(rows))
        reply = stub.Predict(request, timeout=60)
        assert tf.make_ndarray(reply.outputs["y"]).tolist() == (rows / 2 + 1).tolist()
        assert (reply.model_spec.name, reply.model_spec.version.value) == ("digits", 1)
        assert reply.model_spec.signature_name == "serving_default"


def test_tensorflow_serving_api_reads_status_metadata_and_errors(address: str) -> None:
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    with grpc.insecure_channel(address) as channel:
        status_request = get_model_status_pb2.GetModelStatusRequest()
        status_request.model_spec.name = "digits"
        status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status_request, timeout=60)
        assert [(entry.version, entry.state) for entry in status.model_version_status] == [(2, LOADING), (1, AVAILABLE)]

        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        metadata_request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata_request.model_spec.name = "digits"
        metadata = stub.GetModelMetadata(metadata_request, timeout=60)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert metadata.metadata["signature_def"].Unpack(signatures)
        assert [dim.size for dim in signatures.signature_def["serving_default"].inputs["x"].tensor_shape.dim] == [-1, 2]

        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(predict_pb2.PredictRequest(), timeout=60)
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_ovmsclient_predicts_and_reads_status_and_metadata(address: str) -> None:
    import numpy as np
    import ovmsclient

    client = ovmsclient.make_grpc_client(address)
    rows = np.array([[1.0, 2.0]], dtype=np.float32)
    answer = client.predict(inputs={"x": rows}, model_name="digits", model_version=1)
    assert answer.tolist() == (rows / 2 + 1).tolist()
    status = client.get_model_status(model_name="digits", model_version=1)
    assert {version: entry["state"] for version, entry in status.items()} == {1: "AVAILABLE"}
    metadata = client.get_model_metadata(model_name="digits", model_version=1)
    assert metadata["model_version"] == 1
    assert metadata["inputs"]["x"]["shape"] == [-1, 2]
    # Left out, it sends version 0, which is the newest to OpenVINO and version 0 to TensorFlow Serving, and so to us.
    with pytest.raises(ovmsclient.tfs_compat.base.errors.ModelNotFoundError, match=r"Specific\(digits, 0\)"):
        client.predict(inputs={"x": rows}, model_name="digits")
