"""The models, an embedded backend that has them, a gateway before it, and TensorFlow itself beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from google.protobuf import text_format

from gateway.wire.signature import Signature, metadata_request, signatures_from_metadata
from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.e2e.programs import START_S, Replica, python
from tests.fakes.gateway_process import GatewayProcess, write_config
from tests.fakes.tensors import METADATA, PREDICT
from tests.integration.shield.oracle import Oracle

MODELS = ("conv", "mixed")
LIMIT_BYTES = 1 << 20  # the gateway's shield.max_tensor_bytes here
CONFIG = (
    "default_upstream: pool\nmodels: {conv: {upstream: pool}, mixed: {upstream: pool}}\n"
    f'batching: {{mode: "on"}}\nshield: {{max_tensor_bytes: {LIMIT_BYTES}}}\n'
)
Answer = tuple[grpc.StatusCode, str, bytes]


@dataclass(frozen=True)
class Scene:
    """`ask` the gateway or the backend; each answer is (code, words, reply)."""

    backend: Replica
    gateway: GatewayProcess
    oracle: Oracle
    direct: grpc.aio.Channel
    signatures: dict[str, dict[str, Signature]]

    async def ask_backend(self, message: bytes) -> Answer:
        return await ask(self.direct, message)

    async def ask_gateway(self, message: bytes) -> Answer:
        return await ask(self.gateway.channel, message)


async def ask(channel: grpc.aio.Channel, message: bytes) -> Answer:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
    try:
        return grpc.StatusCode.OK, "", await call(message, timeout=60)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or "", b""


@pytest.fixture(scope="session")
def shield_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that savedmodels.py writes."""
    folder = tmp_path_factory.mktemp("m")
    done = python("-m", "tests.integration.shield.savedmodels", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def backend(shield_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """One embedded backend in its own process, which nobody starts again; it may not be ready yet."""
    folder = tmp_path_factory.mktemp("b")
    config = management_pb2.ModelServerConfig()
    for name in MODELS:
        base = str(shield_models / name)
        config.model_config_list.config.add(name=name, base_path=base, model_platform="tensorflow")
    models_config = folder / "models.config"
    models_config.write_text(text_format.MessageToString(config), encoding="utf-8")
    replica = Replica("backend", folder, models_config)
    try:
        replica.start()
        yield replica
    finally:
        replica.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    shield_models: Path, backend: Replica, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("g")
    write_config(folder / "gateway.yaml", [backend.address], CONFIG)
    gateway = GatewayProcess(folder, "--config", str(folder / "gateway.yaml"))
    oracle = Oracle(shield_models, LIMIT_BYTES, folder / "oracle.log")
    direct = grpc.aio.insecure_channel(backend.address)
    try:
        await oracle.start()
        await asyncio.to_thread(backend.child.wait_ready, START_S)
        await gateway.start()
        signatures = {name: await signatures_of(direct, name) for name in MODELS}
        for name in MODELS:
            await gateway.metric_reaches(1, "tidegate_version_available", model=name, version="1")
        yield Scene(backend, gateway, oracle, direct, signatures)
    finally:
        await direct.close()
        await oracle.close()
        await gateway.stop()


async def signatures_of(channel: grpc.aio.Channel, name: str) -> dict[str, Signature]:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METADATA)
    return signatures_from_metadata(await call(metadata_request(name, 1), timeout=60))
