"""A backend process under test: started with flags, spoken to over gRPC, always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from grpc_health.v1 import health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

# Deadlines, not measurements: TensorFlow's import alone takes a minute on a busy machine.
START_S, CALL_S, STOP_S = 240.0, 60.0, 60.0
STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
ENV = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class Backend:
    """One process. `folder` is its own: port file and log lie there."""

    def __init__(self, folder: Path, *flags: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "backend.log"
        self._port_file = folder / "port"
        command = [sys.executable, "-m", "backend", "--port=0", f"--port_file={self._port_file}", *flags]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=ENV)
        self.channel: Any = None

    def connect(self) -> Backend:
        """Wait for the port and connect."""
        until = time.monotonic() + START_S
        while not self._port_file.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the backend didn't open its port:\n{self.log()}")
            time.sleep(0.05)
        self.address = f"127.0.0.1:{self._port_file.read_text().strip()}"
        self.channel = grpc.insecure_channel(self.address, options=[("grpc.max_receive_message_length", -1)])
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        return self

    def health(self) -> Any:
        """A stub of the health service."""
        return health_pb2_grpc.HealthStub(self.channel)

    def log(self) -> str:
        """What it has said so far."""
        return self.log_path.read_text(errors="replace")

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def exit_status(self) -> int:
        """Wait for its end."""
        return self.process.wait(STOP_S)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.channel:
            self.channel.close()
        if self.process.stdin:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_S)

    def predict(self, model: str, inputs: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """The outputs as arrays; `spec`: version, label, signature, outputs (a filter)."""
        response = self.prediction.Predict(request(model, inputs, **spec), timeout=CALL_S)
        return {alias: tf.make_ndarray(tensor) for alias, tensor in response.outputs.items()}

    def half(self, model: str, **spec: Any) -> float:
        """The offset of the version of Half that answers: it tells versions apart."""
        return float(self.predict(model, {"x": np.zeros((1, 3), np.float32)}, **spec)["y"][0, 0])

    def reload(self, config: str) -> None:
        """Replace the configuration."""
        message = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(config, message.config)
        self.models.HandleReloadConfigRequest(message, timeout=CALL_S)

    def states(self, model: str) -> dict[int, str]:
        """Version -> state."""
        message = get_model_status_pb2.GetModelStatusRequest()
        message.model_spec.name = model
        reply = self.models.GetModelStatus(message, timeout=CALL_S)
        return {status.version: STATES[status.state] for status in reply.model_version_status}

    def wait_states(self, model: str, wanted: dict[int, str]) -> None:
        """Wait until these versions are in these states."""
        until = time.monotonic() + CALL_S
        while not wanted.items() <= (got := self.states(model)).items():
            if time.monotonic() > until:
                raise AssertionError(f"{model} is {got}, wanted {wanted}\n{self.log()}")
            time.sleep(0.05)

    def wait_log(self, text: str) -> None:
        """Wait until it has said this."""
        until = time.monotonic() + START_S
        while text not in self.log():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the backend never said {text!r}:\n{self.log()}")
            time.sleep(0.05)


def request(model: str, inputs: dict[str, Any], **spec: Any) -> Any:
    """A PredictRequest; values that are no TensorProto become one."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    message.model_spec.signature_name = spec.get("signature", "")
    if "version" in spec:
        message.model_spec.version.value = spec["version"]
    if "label" in spec:
        message.model_spec.version_label = spec["label"]
    message.output_filter.extend(spec.get("outputs", []))
    for alias, value in inputs.items():
        tensor = value if hasattr(value, "tensor_shape") else tf.make_tensor_proto(value)
        message.inputs[alias].CopyFrom(tensor)
    return message


def model_config(name: str, base: Path, extra: str = "") -> str:
    """One entry of a configuration."""
    return f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" {extra} }}'


def config_list(*entries: str) -> str:
    """A whole configuration."""
    return "model_config_list { " + " ".join(entries) + " }"


def status_of(error: grpc.RpcError) -> tuple[str, str]:
    """Code name and details."""
    return error.code().name, str(error.details())
