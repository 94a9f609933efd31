"""The models that are called, and their real replies, recorded from the embedded backend for the fast upstream."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.calls import LARGE, METADATA, PREDICT, SMALL, STATUS, Call
from benchmarks.children import READY_S
from benchmarks.errors import BenchmarkFailed
from benchmarks.servers import Starter
from protos.stubs.tidegate.wire.v1 import management_pb2, metadata_pb2


@dataclass(frozen=True, slots=True)
class Recorded:
    """One model's replies, by the names that the fast upstream reads."""

    call: Call
    replies: Mapping[str, bytes]

    @property
    def reply_bytes(self) -> int:
        """Length of Predict's one right reply."""
        return len(self.replies["predict"])


def make_model(folder: Path, call: Call) -> Path:
    """The SavedModel that answers `call`. Raises: BenchmarkFailed."""
    model = folder / call.model
    command = [sys.executable, "-m", "benchmarks.make_model", str(model), str(call.features)]
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}  # Keras need not be imported
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=READY_S, env=environment)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[-2000:]
        raise BenchmarkFailed(f"the model can't be made:\n{said}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"the model was not made within {READY_S:.0f} s; is the machine busy?") from error
    return model


def record_all(start: Starter, folder: Path) -> dict[str, Recorded]:
    """Make each model, ask a backend that ends again; by model. Raises: BenchmarkFailed."""
    found = {}
    for call in (SMALL, LARGE):
        model = make_model(folder, call)
        backend = start.backend(f"recording-{call.model}", {call.model: model}, batching=False)
        found[call.model] = record(backend.port, call)
        backend.child.stop()
    return found


def record(port: int, call: Call) -> Recorded:
    """Real replies of the backend at 127.0.0.1:`port`. Raises: BenchmarkFailed."""
    status, metadata = management_pb2.GetModelStatusRequest(), metadata_pb2.GetModelMetadataRequest()
    for asked in (status, metadata):
        asked.model_spec.name = call.model
    metadata.metadata_field.append("signature_def")
    asked_by_name = {
        "status": (STATUS, status.SerializeToString()),
        "metadata": (METADATA, metadata.SerializeToString()),
        "predict": (PREDICT, call.request()),
    }
    replies = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            for name, (path, message) in asked_by_name.items():
                method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
                replies[name] = method(message, timeout=READY_S)
        except grpc.RpcError as error:
            raise BenchmarkFailed(f"the embedded backend does not answer: {error}") from error
    return Recorded(call, replies)
