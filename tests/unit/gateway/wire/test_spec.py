"""Promises of wire/spec.py: the model spec is read as TensorFlow Serving does; pinning changes only the version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, MalformedRequest
from gateway.wire.spec import peek, pin_version
from protos.stubs.tidegate.wire.v1 import (
    example_pb2,
    inference_pb2,
    management_pb2,
    metadata_pb2,
    model_pb2,
    predict_pb2,
)

SPEC_FIRST: dict[str, Any] = {
    "Predict": predict_pb2.PredictRequest,
    "Classify": inference_pb2.ClassificationRequest,
    "Regress": inference_pb2.RegressionRequest,
    "GetModelMetadata": metadata_pb2.GetModelMetadataRequest,
    "GetModelStatus": management_pb2.GetModelStatusRequest,
}
METHODS = st.sampled_from(sorted(SPEC_FIRST))
VERSIONS = st.integers(-(2**63), 2**63 - 1)


@st.composite
def model_specs(draw: st.DrawFn) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=draw(st.text(min_size=1)), signature_name=draw(st.text()))
    match draw(st.sampled_from(["none", "version", "label"])):
        case "version":
            spec.version.value = draw(VERSIONS)
        case "label":
            spec.version_label = draw(st.text())
    return spec


@given(method=METHODS, spec=model_specs())
def test_every_method_with_a_model_spec_is_read(method: str, spec: model_pb2.ModelSpec) -> None:
    view = peek(method, SPEC_FIRST[method](model_spec=spec).SerializeToString())
    assert (view.name, view.signature_name) == (spec.name, spec.signature_name)
    assert view.version == (spec.version.value if spec.HasField("version") else None)
    assert view.label == (spec.version_label if spec.HasField("version_label") else None)


def test_version_zero_is_a_version_and_not_unset() -> None:
    spec = model_pb2.ModelSpec(name="digits")
    assert peek("Predict", predict_pb2.PredictRequest(model_spec=spec).SerializeToString()).version is None
    spec.version.value = 0
    assert peek("Predict", predict_pb2.PredictRequest(model_spec=spec).SerializeToString()).version == 0


def test_a_predict_keeps_its_parsed_request_and_client_id() -> None:
    request = predict_pb2.PredictRequest(client_id=b"user 7")
    request.model_spec.name = "digits"
    message = request.SerializeToString()
    view = peek("Predict", message)
    assert view.request == request
    assert view.client_id == b"user 7"
    assert peek("GetModelStatus", message).request is None


def test_examples_are_not_needed_to_read_the_spec() -> None:
    examples = inference_pb2.ExampleList(examples=[example_pb2.Example()])
    request = inference_pb2.ClassificationRequest(input=inference_pb2.Input(example_list=examples))
    request.model_spec.name = "digits"
    assert peek("Classify", request.SerializeToString()).name == "digits"


@pytest.mark.parametrize("method", SPEC_FIRST)
def test_a_missing_model_spec_is_refused_in_tensorflow_servings_words(method: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^Missing ModelSpec$"):
        peek(method, b"")


@pytest.mark.parametrize("method", SPEC_FIRST)
def test_a_missing_name_is_refused_in_tensorflow_servings_words(method: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^ModelSpec has no name specified\.$"):
        peek(method, SPEC_FIRST[method](model_spec=model_pb2.ModelSpec()).SerializeToString())


@pytest.mark.parametrize("method", [*SPEC_FIRST, "MultiInference"])
def test_bytes_that_are_no_request_are_malformed(method: str) -> None:
    with pytest.raises(MalformedRequest, match=f"the 3 bytes are no request of {method}"):
        peek(method, b"\x0a\xff\xff")


def test_a_method_without_model_spec_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="HandleReloadConfigRequest"):
        peek("HandleReloadConfigRequest", b"")


def test_multi_inference_goes_by_its_first_task_alone() -> None:
    tasks = [inference_pb2.InferenceTask(), inference_pb2.InferenceTask()]
    tasks[0].model_spec.name, tasks[1].model_spec.name = "first", "second"
    view = peek("MultiInference", inference_pb2.MultiInferenceRequest(tasks=tasks).SerializeToString())
    assert view.name == "first"


@pytest.mark.parametrize("tasks", [[], [inference_pb2.InferenceTask()]])
def test_multi_inference_without_task_or_spec_has_no_name(tasks: list[inference_pb2.InferenceTask]) -> None:
    with pytest.raises(InvalidRequest, match=r"^ModelSpec has no name specified\.$"):
        peek("MultiInference", inference_pb2.MultiInferenceRequest(tasks=tasks).SerializeToString())


@given(method=METHODS, spec=model_specs(), version=VERSIONS, unknown=st.binary(max_size=8))
def test_pinning_changes_the_version_and_nothing_else(
    method: str, spec: model_pb2.ModelSpec, version: int, unknown: bytes
) -> None:
    field_900 = b"\xa2\x38" + bytes([len(unknown)]) + unknown
    message = SPEC_FIRST[method](model_spec=spec).SerializeToString() + field_900
    wanted = SPEC_FIRST[method].FromString(message)
    wanted.model_spec.version.value = version
    assert SPEC_FIRST[method].FromString(pin_version(method, message, version)) == wanted
    assert peek(method, pin_version(method, message, version)).version == version


@settings(max_examples=30)
@given(specs=st.lists(model_specs(), min_size=1, max_size=3), version=VERSIONS)
def test_pinning_multi_inference_changes_its_first_task(specs: list[model_pb2.ModelSpec], version: int) -> None:
    tasks = [inference_pb2.InferenceTask(model_spec=spec, method_name="m") for spec in specs]
    request = inference_pb2.MultiInferenceRequest(tasks=tasks)
    message = request.SerializeToString() + b"\xa2\x38\x01x"
    pinned = pin_version("MultiInference", message, version)
    request.tasks[0].model_spec.version.value = version
    request.MergeFromString(b"\xa2\x38\x01x")
    assert inference_pb2.MultiInferenceRequest.FromString(pinned) == request
    assert pinned.endswith(b"\xa2\x38\x01x")
