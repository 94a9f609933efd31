"""What is compared: each subject is a way for a call to reach a model server. Starts them all for a sitting."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.calls import METADATA, MODEL, PREDICT, STATUS, small_request
from benchmarks.children import READY_S
from benchmarks.errors import BenchmarkFailed
from benchmarks.servers import Server, Starter
from protos.stubs.tidegate.wire.v1 import management_pb2, metadata_pb2


@dataclass(frozen=True, slots=True)
class Subject:
    """`key` names it in results, `group` says which model server it ends at, `title` says it in words.

    `front` is what stands before `upstream`; None: called directly. `joins`: the front joins calls.
    """

    key: str
    group: str
    title: str
    upstream: Server
    front: Server | None = None
    joins: bool = False

    @property
    def port(self) -> int:
        """Where its calls go."""
        return (self.front or self.upstream).port


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. `reply_bytes`: length of the one right reply, which is the same for all."""

    subjects: tuple[Subject, ...]
    request: bytes
    reply_bytes: int


def set_up(stack: ExitStack, folder: Path, serving: Path | None) -> Stage:
    """Start every server, files in `folder`; `stack` ends them. `serving`: a TensorFlow Serving program to measure too.

    Raises: BenchmarkFailed.
    """
    model = folder / MODEL
    _make_model(model)
    start = Starter(stack, folder)
    plain = start.backend("backend", model, batching=False)
    request = small_request()
    recordings = _record(plain.port, request)
    subjects = _before("backend", "embedded backend", plain, start)
    joining = start.backend("backend-batching", model, batching=True)
    subjects.insert(1, Subject("backend-batching", "backend", "embedded backend, its own batching on", joining))
    subjects += _before("fast", "fast upstream", start.fast_upstream("fast", recordings), start)
    nginx = shutil.which("nginx")
    if nginx:
        fast = subjects[-1].upstream
        front = start.nginx("nginx-fast", nginx, fast.port)
        subjects.append(Subject("nginx-fast", "fast", "nginx (grpc_pass) + fast upstream", fast, front))
    if serving is not None:
        real = start.tensorflow_serving("serving", serving, model, batching=False)
        found = _before("serving", "TensorFlow Serving", real, start)
        own = start.tensorflow_serving("serving-batching", serving, model, batching=True)
        found.insert(1, Subject("serving-batching", "serving", "TensorFlow Serving, its own batching on", own))
        subjects += found
    return Stage(tuple(subjects), request, len(recordings["predict"]))


def _before(group: str, words: str, upstream: Server, start: Starter) -> list[Subject]:
    """The model server called directly, and a gateway of each kind before it."""
    passing = start.gateway(f"gateway-passing-{group}", upstream.port, joining=False)
    joining = start.gateway(f"gateway-joining-{group}", upstream.port, joining=True)
    return [
        Subject(group, group, words, upstream),
        Subject(f"gateway-passing-{group}", group, f"gateway passing through + {words}", upstream, passing),
        Subject(f"gateway-joining-{group}", group, f"gateway joining + {words}", upstream, joining, joins=True),
    ]


def _make_model(folder: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.make_model", str(folder)]
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}  # Keras need not be imported
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=READY_S, env=environment)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[-2000:]
        raise BenchmarkFailed(f"the model can't be made:\n{said}") from error


def _record(port: int, request: bytes) -> dict[str, bytes]:
    """Real replies of the backend, by the names that the fast upstream reads."""
    status, metadata = management_pb2.GetModelStatusRequest(), metadata_pb2.GetModelMetadataRequest()
    for asked in (status, metadata):
        asked.model_spec.name = MODEL
    metadata.metadata_field.append("signature_def")
    asked_by_name = {
        "status": (STATUS, status.SerializeToString()),
        "metadata": (METADATA, metadata.SerializeToString()),
        "predict": (PREDICT, request),
    }
    replies = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            for name, (path, message) in asked_by_name.items():
                call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
                replies[name] = call(message, timeout=READY_S)
        except grpc.RpcError as error:
            raise BenchmarkFailed(f"the embedded backend does not answer: {error}") from error
    return replies
