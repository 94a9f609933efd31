"""Clients that nobody here wrote work unchanged against backend and gateway, and get equal answers from both."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from ovmsclient import make_grpc_client
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.e2e.conftest import Pair
from tests.e2e.programs import CALL_S, Gateway
from tests.fakes.tensors import predict_message

pytestmark = pytest.mark.slow

ROWS = np.array([[1.0, 2.0], [3.0, -4.0]], np.float32)


def ask_by_stubs(address: str) -> list[Any]:
    """Every question of tensorflow-serving-api's clients, in order."""
    with grpc.insecure_channel(address) as channel:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        model = model_service_pb2_grpc.ModelServiceStub(channel)
        request = predict_pb2.PredictRequest.FromString(
            predict_message(ROWS.ravel().tolist(), model="half").SerializeToString()
        )
        predicted = prediction.Predict(request, timeout=CALL_S)
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name = "half"
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "half"
        return [
            predicted,
            *signatures_of(prediction.GetModelMetadata(metadata, timeout=CALL_S)),
            model.GetModelStatus(status, timeout=CALL_S),
        ]


def signatures_of(metadata: Any) -> tuple[Any, Any]:
    """The model spec, and the signatures as a message: as bytes, their order is nobody's promise."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert metadata.metadata["signature_def"].Unpack(signatures)
    return metadata.model_spec, signatures


def ask_by_ovmsclient(address: str) -> list[Any]:
    """It always names a version: its default is 0, which to TensorFlow Serving is a version like another."""
    client = make_grpc_client(address)
    answer = client.predict({"x": ROWS}, "half", model_version=2)
    return [
        np.asarray(answer).tolist(),
        client.get_model_metadata("half", model_version=2),
        {version: client.get_model_status("half", version)[version]["state"] for version in (1, 2)},
    ]


def test_tensorflow_serving_api_gets_equal_answers_from_backend_and_gateway(pair: Pair, plain: Gateway) -> None:
    direct, through = ask_by_stubs(pair.addresses[0]), ask_by_stubs(plain.address)
    assert direct == through
    predicted, spec, _, status = through
    assert list(predicted.outputs["y"].float_val) == (ROWS / 2 + 2).ravel().tolist()
    assert (spec.name, spec.version.value) == ("half", 2)
    assert {(entry.version, entry.state) for entry in status.model_version_status} == {(1, 30), (2, 30)}


def test_ovmsclient_gets_equal_answers_from_backend_and_gateway(pair: Pair, plain: Gateway) -> None:
    direct, through = ask_by_ovmsclient(pair.addresses[0]), ask_by_ovmsclient(plain.address)
    assert direct == through
    predicted, metadata, status = through
    assert predicted == (ROWS / 2 + 2).tolist()
    assert (metadata["model_version"], metadata["inputs"]["x"]["shape"]) == (2, [-1, 2])
    assert status == {1: "AVAILABLE", 2: "AVAILABLE"}
