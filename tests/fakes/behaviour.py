"""What a fake TensorFlow Serving knows and does, without any transport: models, versions, states, answers, faults."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import grpc

from protos.stubs.tidegate.wire.v1 import management_pb2, metadata_pb2, model_pb2, predict_pb2
from tests.fakes.tensors import answer_of, float_tensor, floats_of, signatures

POISONED = "assertion failed: [a poisoned row]"
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50
Trailers = tuple[tuple[str, str | bytes], ...]


class Refused(Exception):
    """An error that goes to the client with its gRPC code."""

    def __init__(self, code: grpc.StatusCode, message: str, trailers: Trailers = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailers = trailers


@dataclass
class Fault:
    """Befalls the next `times` calls of `method`: wait for `until`, then fail with `code`; None: don't."""

    method: str = "Predict"
    code: grpc.StatusCode | None = None
    message: str = ""
    trailers: Trailers = ()
    until: asyncio.Event | None = None
    times: int = 1


@dataclass
class Received:
    """One call as a replica saw it, numbered over this whole process. `cancelled`: the caller left before its end."""

    method: str
    message: bytes
    metadata: dict[str, str | bytes]
    timeout_s: float | None
    order: int
    cancelled: bool = False
    entries: tuple[tuple[str, str | bytes], ...] = ()  # the metadata with repeated keys


@dataclass
class FakeModel:
    """Versions with their states, and the signatures of each."""

    states: dict[int, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    features: dict[int, int] = field(default_factory=dict)  # by version, where it isn't the usual number
    error: str = ""  # why its END versions failed to load

    def available(self) -> list[int]:
        return sorted(version for version, state in self.states.items() if state == AVAILABLE)


class FakeServing:
    """Models and answers as TensorFlow Serving words them. `hold_loading`: reloads leave new versions LOADING."""

    def __init__(self, models: dict[str, FakeModel] | None = None) -> None:
        self.models = models if models is not None else {"digits": FakeModel({1: AVAILABLE})}
        self.hold_loading = False
        self.poison: float | None = None  # a batch with this value anywhere fails as a whole
        self.reloads: list[management_pb2.ModelServerConfig] = []

    def put(self, model: str, states: dict[int, int]) -> FakeModel:
        """The model's versions are in these states from now on; a new model when there was none."""
        found = self.models.setdefault(model, FakeModel())
        found.states = dict(states)
        return found

    def find(self, spec: model_pb2.ModelSpec) -> tuple[FakeModel, int]:
        """The model and version that a spec means. Raises: Refused."""
        model = self.models.get(spec.name)
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if model is None or spec.version_label not in model.labels:
                text = f"Unrecognized servable version label: {spec.version_label}"
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, text)
            return model, model.labels[spec.version_label]
        having = model.available() if model is not None else []
        version = spec.version.value if choice == "version" else max(having, default=None)
        if model is None or version is None or version not in having:
            wanted = f"Latest({spec.name})" if choice is None else f"Specific({spec.name}, {spec.version.value})"
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
        return model, version

    def predict(self, message: bytes) -> bytes:
        """Half of each value of x, plus the version. Raises: Refused."""
        request = predict_pb2.PredictRequest.FromString(message)
        _, version = self.find(request.model_spec)
        name = request.model_spec.signature_name or "serving_default"
        if name != "serving_default":
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        tensor = request.inputs["x"]
        if self.poison is not None and self.poison in floats_of(tensor):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, POISONED)
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        reply = predict_pb2.PredictResponse()
        reply.outputs["y"].CopyFrom(float_tensor(answer_of(floats_of(tensor), version), shape, content=False))
        self._tell(reply.model_spec, request.model_spec.name, version)
        reply.model_spec.signature_name = name
        return reply.SerializeToString()

    def metadata(self, message: bytes) -> bytes:
        """The signatures of one version. Raises: Refused."""
        spec = metadata_pb2.GetModelMetadataRequest.FromString(message).model_spec
        model, version = self.find(spec)
        reply = metadata_pb2.GetModelMetadataResponse()
        self._tell(reply.model_spec, spec.name, version)
        packed = reply.metadata["signature_def"]
        packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        packed.value = signatures(model.features.get(version, 2)).SerializeToString()
        return reply.SerializeToString()

    def status(self, message: bytes) -> bytes:
        """The states of a model's versions. Raises: Refused."""
        spec = management_pb2.GetModelStatusRequest.FromString(message).model_spec
        model = self.models.get(spec.name)
        wanted = spec.version.value if spec.HasField("version") else None
        states = {} if model is None else {v: s for v, s in model.states.items() if wanted in (None, v)}
        if model is None or not states:
            which = "any versions" if wanted is None else f"version {wanted}"
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Could not find {which} of model {spec.name}")
        reply = management_pb2.GetModelStatusResponse()
        for version in sorted(states, reverse=True):
            entry = reply.model_version_status.add(version=version)
            entry.state = states[version]  # type: ignore[assignment]  # a number, as on the wire
            if states[version] == END and model.error:
                entry.status.error_code, entry.status.error_message = 2, model.error
        return reply.SerializeToString()

    def reload(self, message: bytes) -> bytes:
        """A full replacement: models that it doesn't name are unloaded."""
        config = management_pb2.ReloadConfigRequest.FromString(message).config
        self.reloads.append(config)
        wanted = {entry.name: entry for entry in config.model_config_list.config}
        for name, model in self.models.items():
            if name not in wanted:
                model.states = dict.fromkeys(model.states, END)
        for name, entry in wanted.items():
            model = self.models.setdefault(name, FakeModel())
            model.labels = dict(entry.version_labels)
            specific = set(entry.model_version_policy.specific.versions)
            for version in specific - set(model.available()):
                model.states[version] = LOADING if self.hold_loading else AVAILABLE
            for version in set(model.states) - specific if specific else ():
                model.states[version] = END
        return management_pb2.ReloadConfigResponse().SerializeToString()

    def _tell(self, spec: model_pb2.ModelSpec, name: str, version: int) -> None:
        spec.name = name
        spec.version.value = version
