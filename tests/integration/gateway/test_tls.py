"""TLS on both sides: clients prove who they are to the gateway, the gateway to its replicas."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.upstream.policy import Transport
from tests.fakes.gateway_process import GatewayProcess, refusal
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import PREDICT, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import StartGateway, over_both

CONFIGURATION = """
server:
  host: 127.0.0.1
  port: 0
  transport: {transport}
  tls: {{cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem}}
http: {{host: 127.0.0.1, port: 0}}
upstreams:
  safe:
    replicas: ["{replica}"]
    transport: {transport}
    tls: {{ca_file: ca.pem, cert_file: gateway.pem, key_file: gateway.key}}
default_upstream: safe
"""


@dataclass(frozen=True)
class Papers:
    """A certificate authority's word for everyone, as PEM files in `folder`."""

    folder: Path

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def papers(tmp_path: Path) -> Iterator[Papers]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, identity in (("server", "127.0.0.1"), ("replica", "127.0.0.1"), ("gateway", "gateway"), ("client", "c")):
        certificate = authority.issue_cert(identity)
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    yield Papers(tmp_path)


@over_both
async def test_calls_travel_encrypted_and_with_papers_on_both_sides(
    papers: Papers, start_gateway: StartGateway, transport: Transport
) -> None:
    replica = FakeReplica()
    pair = (papers.read("replica.key"), papers.read("replica.pem"))
    await replica.start(
        credentials=grpc.ssl_server_credentials([pair], papers.read("ca.pem"), require_client_auth=True)
    )
    try:
        gateway = await _start(papers, replica, start_gateway, transport)
        papered = grpc.ssl_channel_credentials(
            papers.read("ca.pem"), papers.read("client.key"), papers.read("client.pem")
        )
        message = predict_message().SerializeToString()
        async with grpc.aio.secure_channel(f"127.0.0.1:{gateway.port}", papered) as channel:
            assert await _predict(channel)(message, timeout=20)
        paperless = grpc.ssl_channel_credentials(papers.read("ca.pem"))
        async with grpc.aio.secure_channel(f"127.0.0.1:{gateway.port}", paperless) as channel:
            code, _ = await refusal(_predict(channel)(message, timeout=20))
        assert code is grpc.StatusCode.UNAVAILABLE
    finally:
        await replica.stop()


@over_both
async def test_a_replica_without_the_right_papers_gets_no_calls(
    papers: Papers, start_gateway: StartGateway, transport: Transport
) -> None:
    stranger = trustme.CA().issue_cert("127.0.0.1")
    pair = (stranger.private_key_pem.bytes(), stranger.cert_chain_pems[0].bytes())
    replica = FakeReplica()
    await replica.start(credentials=grpc.ssl_server_credentials([pair]))
    try:
        gateway = await _start(papers, replica, start_gateway, transport)
        status, text = await gateway.get("/readyz")
        assert status == 503
        assert "none of its 1 replicas is up" in text
    finally:
        await replica.stop()


@pytest.mark.parametrize("transport", [Transport.HTTP2], indirect=True)
async def test_a_signal_takes_up_a_renewed_certificate(
    papers: Papers, start_gateway: StartGateway, transport: Transport
) -> None:
    replica = FakeReplica()
    await replica.start()
    try:
        gateway = await _start(papers, replica, start_gateway, transport)
        renewed = trustme.CA()
        renewed.cert_pem.write_to_path(papers.folder / "renewed_ca.pem")
        certificate = renewed.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(papers.folder / "server.pem")
        certificate.private_key_pem.write_to_path(papers.folder / "server.key")
        gateway.signal(signal.SIGHUP)
        await until(lambda: "certificates renewed" in gateway.log, "the new certificate")
        papered = grpc.ssl_channel_credentials(
            papers.read("renewed_ca.pem"), papers.read("client.key"), papers.read("client.pem")
        )
        async with grpc.aio.secure_channel(f"127.0.0.1:{gateway.port}", papered) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            assert await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
    finally:
        await replica.stop()


async def _start(
    papers: Papers, replica: FakeReplica, start_gateway: StartGateway, transport: Transport
) -> GatewayProcess:
    path = papers.folder / "gateway.yaml"
    path.write_text(CONFIGURATION.format(replica=replica.address, transport=transport), encoding="utf-8")
    return await start_gateway("--config", str(path))


def _predict(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
    return method
