"""Which servable a request means, and how to point it at one version."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError

from gateway.call import LARGE_BYTES, Message
from gateway.errors import InvalidRequest, MalformedRequest
from gateway.wire.encode import delimited, varint
from gateway.wire.tensor import Head, read_heads
from protos.stubs.tidegate.wire.v1 import inference_pb2, management_pb2, model_pb2, predict_pb2, tensor_pb2

# These requests have their ModelSpec as field 1. A message type that knows no other field reads it without building
# the examples behind it.
_SPEC_FIRST: Final = frozenset({"Classify", "Regress", "GetModelMetadata", "GetModelStatus"})


# Field number of an input's values, where they begin and where they end in the message.
ValuePlace = tuple[int, int, int]


class SpecView:
    """What the gateway goes by. `version` 0 means version 0, None unset; `client_id` is empty when unset.

    `heads` are a Predict's inputs, sorted by alias. `request` is the parsed Predict as long as this view is of one
    call's alone: calls of one form share theirs (gateway.wire.forms). None for other methods. `places`: where the
    values of each head lie in every message of the form, if each has one run of them.
    """

    __slots__ = (
        "client_id", "has_strings", "heads", "joins", "label", "name", "passed", "places", "request", "signature_name",
        "version", "vouch_after_us",
    )  # fmt: skip

    def __init__(self, spec: model_pb2.ModelSpec, request: predict_pb2.PredictRequest | None = None) -> None:
        self.name = spec.name
        choice = spec.WhichOneof("version_choice")
        self.version: int | None = spec.version.value if choice == "version" else None
        self.label: str | None = spec.version_label if choice == "version_label" else None
        self.signature_name = spec.signature_name
        self.request = request
        self.client_id = b"" if request is None else request.client_id
        self.heads: tuple[Head, ...] = () if request is None else read_heads(request)
        self.has_strings = any(head[1] == tensor_pb2.DT_STRING for head in self.heads)  # whose sizes differ by value
        # What holds for every call of the form: under which policy its heads fit a signature, and until when (us,
        # monotonic) the last answer to such a call vouches for the next.
        self.passed: dict[object, object] = {}
        self.joins: dict[object, object] = {}  # by signature, for gateway.batching.joinable
        self.places: tuple[ValuePlace, ...] | None = None
        self.vouch_after_us = 0


def peek(method: str, message: bytes) -> SpecView:
    """Read the ModelSpec of `message`, the request of `method` (one of the six that have one).

    Raises: MalformedRequest; InvalidRequest in TensorFlow Serving's words if the spec or its name is missing.
    """
    try:
        if method == "Predict":
            request = predict_pb2.PredictRequest.FromString(message)
            view = SpecView(_present(request), request)
        elif method == "MultiInference":
            view = SpecView(_first_task(_parse_tasks(message)))
        elif method in _SPEC_FIRST:
            view = SpecView(_present(management_pb2.GetModelStatusRequest.FromString(message)))
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


def pinned(method: str, message: bytes, version: int) -> Message:
    """What `pin_version` makes, but of a large message in two pieces, as putting them together would copy it."""
    if method == "MultiInference":
        return pin_version(method, message, version)
    suffix = _version_suffix(version)
    return message + suffix if len(message) < LARGE_BYTES else (message, suffix)


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
