"""TLS towards replicas over our own transport: their name is checked, and our own certificate may be renewed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from gateway.errors import Fate, UpstreamFailed
from gateway.upstream.connection import Connection, Ended
from gateway.upstream.policy import TlsFiles, UpstreamPolicy
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import CLASSIFY, PREDICT, predict_message
from tests.fakes.transports import connected
from tests.integration.gateway.sockets.ports import Papers


async def call(connection: Connection) -> UpstreamFailed | None:
    """How a call fails, None: it is answered."""
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    message = predict_message().SerializeToString()
    connection.send(PREDICT, message, 30, (), lambda *end: ended.set_result(end))
    _, failure = await ended
    assert failure is None or isinstance(failure, UpstreamFailed)
    return failure


async def replica_with(papers: Papers, ask_clients: bool = False) -> FakeReplica:
    """It shows replica.pem; started."""
    pair = ((papers.folder / "replica.key").read_bytes(), (papers.folder / "replica.pem").read_bytes())
    authorities = (papers.folder / "ca.pem").read_bytes() if ask_clients else None
    replica = FakeReplica()
    await replica.start(credentials=grpc.ssl_server_credentials([pair], authorities, require_client_auth=ask_clients))
    return replica


def policy(papers: Papers, client: Papers | None = None, server_name: str | None = None) -> UpstreamPolicy:
    pem, key = (None, None) if client is None else (str(client.folder / f"gateway.{end}") for end in ("pem", "key"))
    return UpstreamPolicy(tls=TlsFiles(str(papers.folder / "ca.pem"), pem, key, server_name))


async def test_the_name_in_a_replicas_certificate_is_checked(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    papers.issue("replica", "models.test")
    replica = await replica_with(papers)
    try:
        async with connected(replica.address, policy(papers), "models.test:8500") as connection:
            assert await call(connection) is None
        async with connected(replica.address, policy(papers, server_name="models.test"), "other.test:1") as connection:
            assert await call(connection) is None
        async with connected(replica.address, policy(papers), "other.test:8500") as connection:
            failure = await call(connection)
            assert failure is not None
            assert failure.fate is Fate.REFUSED
            assert "certificate verify failed" in failure.message
    finally:
        await replica.stop()


async def test_large_messages_arrive_as_they_were(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    papers.issue("replica")
    replica = await replica_with(papers)
    message = bytes(range(256)) * 40_000
    try:
        async with connected(replica.address, policy(papers), "127.0.0.1:8500") as connection:
            for pieces in (message, (message[:5_000_000], message[5_000_000:]), message[:17_000]):
                ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
                connection.send(CLASSIFY, pieces, 60, (), lambda *end, to=ended: to.set_result(end))
                sent = pieces if isinstance(pieces, bytes) else b"".join(pieces)
                assert await ended == (sent, None)
    finally:
        await replica.stop()


async def test_a_renewed_certificate_is_shown_with_the_next_connection(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    papers, ours = Papers(tmp_path), Papers(tmp_path_factory.mktemp("ours"))
    papers.issue("replica")
    ours.issue("gateway", "gateway")  # by an authority that the replica doesn't know
    replica = await replica_with(papers, ask_clients=True)
    try:
        async with connected(replica.address, policy(papers, ours), "127.0.0.1:8500") as connection:
            failure = await call(connection)
            assert failure is not None
            assert failure.fate is Fate.REFUSED
            ours.authority = papers.authority
            ours.issue("gateway", "gateway")
            for _ in range(1000):
                if await call(connection) is None:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("the renewed certificate was never shown")
    finally:
        await replica.stop()


async def test_a_certificate_that_breaks_later_fails_calls_by_its_name(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    papers.issue("replica")
    papers.issue("gateway", "gateway")
    replica = await replica_with(papers, ask_clients=True)
    try:
        async with connected(replica.address, policy(papers, papers), "127.0.0.1:8500") as connection:
            (tmp_path / "gateway.pem").write_text("no certificate")
            failure = await call(connection)
            assert failure is not None
            assert failure.fate is Fate.REFUSED
            assert str(tmp_path / "gateway.pem") in failure.message
    finally:
        await replica.stop()
