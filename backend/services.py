"""The gRPC methods: request bytes in, reply bytes out, failures as gRPC status."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    regression_pb2,
)

from backend import examples, metadata, predict
from backend.batching.shell import Batcher, now_us
from backend.config import kind
from backend.core import Core
from backend.errors import Code, ServingError, invalid_argument, truncated
from backend.gate import Gate
from backend.predict import PredictOptions, Version
from backend.servable import LoadedModel

log = logging.getLogger("backend")
PREDICTION, MODEL = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}
Method = Callable[[bytes, grpc.ServicerContext], bytes]


@dataclass(frozen=True, slots=True)
class Services:
    """All methods over one core; without a batcher nothing is joined."""

    core: Core
    gate: Gate
    options: PredictOptions
    batcher: Batcher | None

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What the gRPC server is given. Requests arrive as bytes and replies leave as bytes."""
        return [
            _handler(
                PREDICTION,
                {
                    "Predict": self.predict,
                    "Classify": self.classify,
                    "Regress": self.regress,
                    "MultiInference": self.multi_inference,
                    "GetModelMetadata": self.get_model_metadata,
                },
                self.gate,
            ),
            _handler(
                MODEL,
                {"GetModelStatus": self.get_model_status, "HandleReloadConfigRequest": self.reload},
                self.gate,
            ),
        ]

    def predict(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """PredictionService.Predict."""
        request = predict.parse_request(request_bytes)
        _need_spec(request)
        with self.core.hold(request.model_spec) as held:
            return predict.predict(self._version(held), request, self.options, _deadline_us(context))

    def classify(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """PredictionService.Classify."""
        request = classification_pb2.ClassificationRequest.FromString(request_bytes)
        _need_spec(request)
        with self.core.hold(request.model_spec) as held:
            return _bytes(examples.classify(self._version(held), request, _deadline_us(context)))

    def regress(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """PredictionService.Regress."""
        request = regression_pb2.RegressionRequest.FromString(request_bytes)
        _need_spec(request)
        with self.core.hold(request.model_spec) as held:
            return _bytes(examples.regress(self._version(held), request, _deadline_us(context)))

    def multi_inference(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """PredictionService.MultiInference isn't built into the embedded server."""
        raise ServingError(
            Code.UNIMPLEMENTED,
            "MultiInference is not supported by the embedded backend; call Classify or Regress instead",
        )

    def get_model_metadata(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """PredictionService.GetModelMetadata."""
        request = get_model_metadata_pb2.GetModelMetadataRequest.FromString(request_bytes)
        _need_spec(request)
        return _bytes(metadata.get_model_metadata(self.core, request))

    def get_model_status(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """ModelService.GetModelStatus."""
        request = get_model_status_pb2.GetModelStatusRequest.FromString(request_bytes)
        _need_spec(request)
        return _bytes(metadata.get_model_status(self.core.board, request))

    def reload(self, request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        """ModelService.HandleReloadConfigRequest. The caller may wait as long as new models need to load."""
        request = model_management_pb2.ReloadConfigRequest.FromString(request_bytes)
        if kind(request.config) != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        try:
            self.core.reload(request.config, give_up=lambda: not context.is_active())
        except ServingError as error:
            log.error("reload refused: %s", error)
            raise
        reply = model_management_pb2.ReloadConfigResponse()
        reply.status.error_code = 0
        for name in dict.fromkeys(request.metric_names):
            # The embedded server has none of TensorFlow Serving's counters; an unknown one didn't increase.
            reply.metric.add(name=name, int64_value_increase=0)
        return _bytes(reply)

    def _version(self, held: tuple[str, int, LoadedModel]) -> Version:
        name, number, model = held
        return Version(name, number, model, self.batcher)


def _handler(service: str, methods: dict[str, Method], gate: Gate) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service,
        {name: grpc.unary_unary_rpc_method_handler(_guarded(name, method, gate)) for name, method in methods.items()},
    )


def _guarded(name: str, method: Method, gate: Gate) -> Method:
    """The method behind the gate, its failures turned into gRPC status."""

    def call(request_bytes: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            with gate:
                return method(request_bytes, context)
        except ServingError as error:
            _abort(context, error)
        except DecodeError:
            _abort(context, ServingError(Code.INTERNAL, f"the request is not a valid message for {name}"))
        except Exception as error:  # one call's unforeseen failure must reach its caller and no one else
            log.exception("%s: unexpected failure", name)
            _abort(context, ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}"))

    return call


def _abort(context: grpc.ServicerContext, error: ServingError) -> NoReturn:
    context.abort(STATUS_CODES[error.code], truncated(error.message))
    raise AssertionError("abort() always raises")


def _need_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _deadline_us(context: grpc.ServicerContext) -> int | None:
    """The caller's deadline on our clock; None: it waits forever.

    grpcio says that of a call without deadline by a number of centuries, which no wait of Python's can take.
    """
    left_s = context.time_remaining()
    return None if left_s is None or left_s > threading.TIMEOUT_MAX else now_us() + int(left_s * 1e6)


def _bytes(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized
