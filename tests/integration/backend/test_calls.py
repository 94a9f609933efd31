"""What a client of TensorFlow Serving sees: answers, types and the error table, from a real process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2
from ovmsclient import make_grpc_client
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2, regression_pb2

from tests.integration.backend.process import CALL_S, Backend, request, status_of

pytestmark = pytest.mark.slow

ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def test_predict_answers_with_the_highest_version_and_a_resolved_spec(standing: Backend) -> None:
    response = standing.prediction.Predict(request("half", {"x": ROWS}), timeout=CALL_S)
    assert (response.model_spec.name, response.model_spec.version.value) == ("half", 2)
    assert (response.model_spec.signature_name, response.model_spec.version_label) == ("serving_default", "")
    assert list(response.outputs["y"].float_val) == (ROWS / 2 + 2).ravel().tolist()
    assert not response.outputs["y"].tensor_content
    assert sorted(response.outputs) == ["sum", "y"]


def test_a_version_or_a_label_picks_another_one(standing: Backend) -> None:
    assert [standing.half("half"), standing.half("half", version=1), standing.half("half", label="stable")] == [2, 1, 1]


def test_a_filter_picks_outputs(standing: Backend) -> None:
    assert list(standing.predict("half", {"x": ROWS}, outputs=["sum"])) == ["sum"]


def test_strings_and_integers_travel(standing: Backend) -> None:
    got = standing.predict("half", {"text": np.array([b"ab", b"c"], object)}, signature="shout")
    assert (got["loud"].tolist(), got["length"].tolist()) == ([b"AB", b"C"], [2, 1])
    total = standing.predict("half", {"a": np.array([2**62]), "b": np.array([-1])}, signature="add")["total"]
    assert total.tolist() == [2**62 - 1]


def _tensor(shape: list[int], **fields: Any) -> Any:
    return tf.make_tensor_proto(0.0).__class__(
        dtype=fields.pop("dtype", 1), tensor_shape=tf.TensorShape(shape).as_proto(), **fields
    )


ERRORS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("", {"x": ROWS}, {}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    ("none", {"x": ROWS}, {}, "NOT_FOUND", "Servable not found for request: Latest(none)"),
    ("half", {"x": ROWS}, {"version": 5}, "NOT_FOUND", "Servable not found for request: Specific(half, 5)"),
    ("half", {"x": ROWS}, {"version": 0}, "NOT_FOUND", "Servable not found for request: Specific(half, 0)"),
    ("half", {"x": ROWS}, {"label": "l"}, "INVALID_ARGUMENT", "Unrecognized servable version label: l"),
    ("none", {"x": ROWS}, {"label": "l"}, "INVALID_ARGUMENT", "Unrecognized servable version label: l"),
    ("half", {"x": ROWS}, {"signature": "s"}, "FAILED_PRECONDITION", 'Serving signature key "s" not found.'),
    (
        "half",
        {"a": np.array([1])},
        {"signature": "add"},
        "INVALID_ARGUMENT",
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
    ),
    (
        "half",
        {"x": ROWS},
        {"outputs": ["z"]},
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: z Outputs expected to be in the set {sum,y}.",
    ),
    ("half", {"x": ROWS}, {"outputs": ["y", "y"]}, "INVALID_ARGUMENT", "duplicate output tensor alias: y"),
    (
        "half",
        {"x": _tensor([1, 3], tensor_content=b"123")},
        {},
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    ("half", {"x": _tensor([2**46, 3], float_val=[1.0])}, {}, "INVALID_ARGUMENT", "tensor parsing error: x"),
    (
        "half",
        {"x": ROWS.astype(np.float64)},
        {},
        "INVALID_ARGUMENT",
        "input x of signature serving_default is double; expected float",
    ),
]


@pytest.mark.parametrize(("model", "inputs", "spec", "code", "text"), ERRORS)
def test_the_error_table(
    standing: Backend, model: str, inputs: dict[str, Any], spec: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        standing.predict(model, inputs, **spec)
    assert status_of(error.value) == (code, text)


def test_a_wrong_input_name_is_told_in_full(standing: Backend) -> None:
    with pytest.raises(grpc.RpcError) as error:
        standing.predict("half", {"z": ROWS})
    code, text = status_of(error.value)
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Signature input alias: x(feed name: ")
    assert text.endswith(
        ":0) not found in request and no default value provided. "
        "Inputs expected to be in the request {z}, or default input alias set: "
    )


def test_long_messages_are_cut(standing: Backend) -> None:
    with pytest.raises(grpc.RpcError) as error:
        standing.predict("half", {"x": ROWS}, label="l" * 2000)
    _, text = status_of(error.value)
    assert len(text) == 1024 + len("...TRUNCATED")
    assert text.endswith("...TRUNCATED")


def test_a_missing_spec_is_told_by_every_method(standing: Backend) -> None:
    calls = [
        (standing.prediction.Predict, request("", {}).__class__()),
        (standing.prediction.Classify, classification_pb2.ClassificationRequest()),
        (standing.prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest()),
        (standing.models.GetModelStatus, get_model_status_pb2.GetModelStatusRequest()),
    ]
    for call, message in calls:
        with pytest.raises(grpc.RpcError) as error:
            call(message, timeout=CALL_S)
        assert status_of(error.value) == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_a_forgotten_batch_dimension_is_refused_and_the_process_lives(standing: Backend) -> None:
    image = np.zeros((8, 8, 1), np.uint8)
    with pytest.raises(grpc.RpcError) as error:
        standing.predict("conv", {"pixels": image})
    code, text = status_of(error.value)
    assert (code, "is the batch dimension missing?" in text) == ("INVALID_ARGUMENT", True)
    assert standing.predict("conv", {"pixels": image[None]})["scores"].shape == (1, 10)


def test_the_graphs_own_errors_pass_through(standing: Backend) -> None:
    with pytest.raises(grpc.RpcError) as error:
        standing.predict("counting", {"x": np.array([[-1.0]], np.float32)})
    code, text = status_of(error.value)
    assert (code, "negative row" in text) == ("INVALID_ARGUMENT", True)


def test_many_callers_get_their_own_answers(standing: Backend) -> None:
    def call(number: int) -> bool:
        rows = np.full((1 + number % 4, 3), number, np.float32)
        return bool((standing.predict("half", {"x": rows})["y"] == rows / 2 + 2).all())

    with ThreadPoolExecutor(64) as callers:
        assert all(callers.map(call, range(640)))


def test_metadata_has_all_signatures(standing: Backend) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "half"
    reply = standing.prediction.GetModelMetadata(message, timeout=CALL_S)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "shout", "add"} <= set(signatures.signature_def)
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("half", 2)
    assert reply.model_spec.signature_name == ""


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["x"], "Metadata field x is not supported"),
    ],
)
def test_metadata_fields_are_checked(standing: Backend, fields: list[str], text: str) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = "half"
    with pytest.raises(grpc.RpcError) as error:
        standing.prediction.GetModelMetadata(message, timeout=CALL_S)
    assert status_of(error.value) == ("INVALID_ARGUMENT", text)


def test_status_lists_versions_highest_first_and_ignores_labels(standing: Backend) -> None:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "half"
    message.model_spec.version_label = "nonsense"
    reply = standing.models.GetModelStatus(message, timeout=CALL_S)
    assert [status.version for status in reply.model_version_status] == [2, 1]
    message.model_spec.version.value = 7
    with pytest.raises(grpc.RpcError) as error:
        standing.models.GetModelStatus(message, timeout=CALL_S)
    assert status_of(error.value) == ("NOT_FOUND", "Could not find version 7 of model half")
    message.model_spec.name, message.model_spec.version_label = "none", ""
    with pytest.raises(grpc.RpcError) as error:
        standing.models.GetModelStatus(message, timeout=CALL_S)
    assert status_of(error.value) == ("NOT_FOUND", "Could not find any versions of model none")


def _example(value: float) -> Any:
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature={"v": feature}))


def test_classify_and_regress(standing: Backend) -> None:
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name = "judge"
    with pytest.raises(grpc.RpcError) as error:
        standing.prediction.Classify(classify, timeout=CALL_S)
    assert status_of(error.value) == ("INVALID_ARGUMENT", "Input is empty.")
    classify.input.example_list.examples.extend([_example(0.25), _example(1.0)])
    got = standing.prediction.Classify(classify, timeout=CALL_S)
    assert [[(c.label, c.score) for c in row.classes] for row in got.result.classifications] == [
        [("yes", 0.25), ("no", 0.75)],
        [("yes", 1.0), ("no", 0.0)],
    ]
    regress = regression_pb2.RegressionRequest()
    regress.model_spec.name = "judge"
    regress.model_spec.signature_name = "regress"
    regress.input.example_list_with_context.examples.add()
    regress.input.example_list_with_context.context.CopyFrom(_example(4.0))
    reply = standing.prediction.Regress(regress, timeout=CALL_S)
    assert [row.value for row in reply.result.regressions] == [8.0]
    regress.model_spec.signature_name = "none"
    with pytest.raises(grpc.RpcError) as error:
        standing.prediction.Regress(regress, timeout=CALL_S)
    assert status_of(error.value) == ("INVALID_ARGUMENT", "No signature was found with the name: none")


def test_health_is_served_under_tensorflow_servings_names(standing: Backend) -> None:
    stub = standing.health()
    for service in ("", "ModelService", "PredictionService"):
        reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=CALL_S)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_ovmsclient_works_unchanged(standing: Backend) -> None:
    client = make_grpc_client(standing.address)
    assert client.get_model_status("half", 1) == {1: {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}
    metadata = client.get_model_metadata("half", 1)
    assert metadata["inputs"] == {"x": {"shape": [-1, 3], "dtype": "DT_FLOAT"}}
    got = client.predict({"x": ROWS}, "half", 1)
    np.testing.assert_array_equal(got["y"], ROWS / 2 + 1)
