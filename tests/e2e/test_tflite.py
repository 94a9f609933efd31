"""A TensorFlow Lite version behind the gateway: calls are proved, joined, and answered as the backend alone answers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from http.client import HTTPConnection

import grpc
import pytest
from google.protobuf import text_format

from protos.stubs.tidegate.wire.v1 import management_pb2, predict_pb2
from tests.e2e.conftest import Start
from tests.e2e.programs import CALL_S, START_S, Gateway, Replica, python, until
from tests.fakes.tensors import PREDICT, float_tensor

pytestmark = pytest.mark.slow

CALLERS = 16
JOINED_CALLS = 100
# Input alias and the shape of one row.
MODELS = {"half": ("x", (2,)), "conv": ("pixels", (8, 8, 1))}


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """A replica with two TensorFlow Lite versions."""
    folder = tmp_path_factory.mktemp("lite")
    done = python("-m", "tests.integration.backend.litemodels", str(folder))
    assert done.returncode == 0, done.stderr
    config = management_pb2.ModelServerConfig()
    for name in MODELS:
        config.model_config_list.config.add(name=name, base_path=str(folder / name), model_platform="tensorflow")
    (folder / "models.config").write_text(text_format.MessageToString(config), encoding="utf-8")
    replica = Replica("lite", folder, folder / "models.config", "--prefer_tflite_model", "--num_tflite_pools=2")
    replica.start()
    replica.child.wait_ready(START_S)
    yield replica
    replica.close()


def requests_of(model: str, seed: int) -> list[bytes]:
    """One request for each caller: one to three rows of small whole numbers, which float32 adds exactly."""
    numbers, (alias, row) = random.Random(seed), MODELS[model]
    found = []
    for _ in range(CALLERS):
        shape = (numbers.randint(1, 3), *row)
        size = 1
        for length in shape:
            size *= length
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.inputs[alias].CopyFrom(float_tensor([float(numbers.randint(-9, 9)) for _ in range(size)], shape))
        found.append(request.SerializeToString())
    return found


def joined(gateway: Gateway, model: str) -> float:
    """How many calls the gateway has joined, as its metrics page says."""
    connection = HTTPConnection(gateway.pages, timeout=CALL_S)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    finally:
        connection.close()
    samples = re.findall(r"^tidegate_batch_members_total\{([^}]*)\} (\S+)$", page, re.MULTILINE)
    return sum(float(value) for labels, value in samples if f'model="{model}"' in labels)


@pytest.mark.parametrize("model", MODELS)
def test_joined_calls_are_answered_as_the_backend_alone_answers(
    model: str, lite: Replica, start_gateway: Start
) -> None:
    gateway = start_gateway("--upstream", lite.address, "--port", "0", "--http-port", "0")
    until(lambda: gateway.ready, "a gateway that is ready")
    seeds = iter(range(10**9))

    with grpc.insecure_channel(gateway.address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)

        def all_call() -> bool:
            """All callers at once, each answered as it would be alone; whether enough were joined by now."""
            sent = requests_of(model, next(seeds))
            futures = [call.future(request, timeout=CALL_S, wait_for_ready=True) for request in sent]
            for request, future in zip(sent, futures, strict=True):
                alone = predict_pb2.PredictResponse.FromString(lite.ask(PREDICT, request))
                assert predict_pb2.PredictResponse.FromString(future.result()) == alone
            return joined(gateway, model) >= JOINED_CALLS

        until(all_call, f"{JOINED_CALLS} joined calls")
