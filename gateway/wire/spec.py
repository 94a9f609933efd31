"""Which servable a request means, and how to point it at one version."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError

from gateway.errors import InvalidRequest, MalformedRequest
from gateway.wire.encode import delimited, varint
from protos.stubs.tidegate.wire.v1 import inference_pb2, management_pb2, model_pb2, predict_pb2

# These requests have their ModelSpec as field 1. A message type that knows no other field reads it without building
# the examples behind it.
_SPEC_FIRST: Final = frozenset({"Classify", "Regress", "GetModelMetadata", "GetModelStatus"})


class SpecView:
    """What routing needs of a request. `version` 0 means version 0, None unset; `client_id` is empty when unset.

    `request` is the parsed PredictRequest for Predict and None otherwise.
    """

    __slots__ = ("client_id", "label", "message", "method", "name", "request", "signature_name", "version")

    def __init__(self, method: str, message: bytes, spec: model_pb2.ModelSpec) -> None:
        self.method = method
        self.message = message
        self.request: predict_pb2.PredictRequest | None = None
        self.name = spec.name
        choice = spec.WhichOneof("version_choice")
        self.version: int | None = spec.version.value if choice == "version" else None
        self.label: str | None = spec.version_label if choice == "version_label" else None
        self.signature_name = spec.signature_name
        self.client_id = b""


def peek(method: str, message: bytes) -> SpecView:
    """Read the ModelSpec of `message`, the request of `method` (one of the six that have one).

    Raises: MalformedRequest; InvalidRequest in TensorFlow Serving's words if the spec or its name is missing.
    """
    try:
        if method == "Predict":
            view = _peek_predict(message)
        elif method == "MultiInference":
            view = SpecView(method, message, _first_task(_parse_tasks(message)))
        elif method in _SPEC_FIRST:
            view = SpecView(method, message, _present(management_pb2.GetModelStatusRequest.FromString(message)))
        else:
            raise ValueError(f"method {method!r} has no ModelSpec")
    except DecodeError as error:
        raise MalformedRequest(f"the {len(message)} bytes are no request of {method}: {error}") from error
    if not view.name:
        raise InvalidRequest("ModelSpec has no name specified.")
    return view


def pin_version(method: str, message: bytes, version: int) -> bytes:
    """The same request for exactly `version`: a label is replaced, everything else kept, unknown fields too.

    A ModelSpec with only the version is appended: protobuf merges a repeated submessage, and the last member of a
    oneof wins. MultiInference's tasks are a list, where appending would add a task, so it is written anew.
    """
    if method != "MultiInference":
        return message + _version_suffix(version)
    request = _parse_tasks(message)
    request.tasks[0].model_spec.version.value = version
    return request.SerializeToString()


def _peek_predict(message: bytes) -> SpecView:
    request = predict_pb2.PredictRequest.FromString(message)
    view = SpecView("Predict", message, _present(request))
    view.request = request
    view.client_id = request.client_id
    return view


def _present(request: predict_pb2.PredictRequest | management_pb2.GetModelStatusRequest) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise InvalidRequest("Missing ModelSpec")
    return request.model_spec


def _parse_tasks(message: bytes) -> inference_pb2.MultiInferenceRequest:
    return inference_pb2.MultiInferenceRequest.FromString(message)


def _first_task(request: inference_pb2.MultiInferenceRequest) -> model_pb2.ModelSpec:
    """TensorFlow Serving picks the servable by the first task alone, and has no error of its own for none."""
    return request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()


@lru_cache(maxsize=256)
def _version_suffix(version: int) -> bytes:
    value = varint(1 << 3) + varint(version)  # written even when 0: it must overwrite what stands before it
    return delimited(1, delimited(2, value))
