"""TLS at the client port of our own transport: who is let in, and certificates that change while it serves."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc
import pytest
import structlog

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from tests.fakes.raw_wire import RawClient, prefixed
from tests.fakes.tensors import PREDICT
from tests.fakes.waiting import until
from tests.integration.gateway.sockets.ports import Papers, serving


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    papers = Papers(tmp_path)
    papers.issue("server")
    papers.issue("client", "client")
    return papers


async def answered(client: RawClient, stream_id: int = 1) -> bool:
    """Whether it gets an answer."""
    client.say(client.request(stream_id))
    return await client.answer(stream_id) == (0, prefixed(b"hello"))


def shown_to(client: RawClient) -> bytes:
    """The certificate that the port showed."""
    return bytes(client.tls.getpeercert(binary_form=True) or b"")


async def test_calls_travel_encrypted(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        assert await answered(await RawClient.connect(port.port, tls=papers.client()))


async def test_large_messages_arrive_as_they_were(papers: Papers) -> None:
    message = bytes(range(256)) * 40_000
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    trusting = grpc.ssl_channel_credentials((papers.folder / "ca.pem").read_bytes())
    async with (
        serving(tls=papers.paths()) as port,
        grpc.aio.secure_channel(f"127.0.0.1:{port.port}", trusting, options) as channel,
    ):
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        for size in (len(message), 700_000, 17_000):
            assert await method(message[:size], timeout=60) == message[:size]


async def test_a_client_that_does_not_ask_for_h2_is_told_and_refused(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        client = await RawClient.connect(port.port, tls=papers.client(alpn=None))
        heard = await client.ends()
        assert [frame.code for frame in heard if frame.kind == frames.GOAWAY] == [ErrorCode.INADEQUATE_SECURITY]


async def test_who_speaks_no_tls_is_refused(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        assert await (await RawClient.connect(port.port)).ends() == []
        assert await answered(await RawClient.connect(port.port, tls=papers.client()))


async def test_with_authorities_only_clients_with_their_certificates_are_served(
    papers: Papers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    strange = Papers(tmp_path_factory.mktemp("strange"))
    strange.issue("client", "client")
    stranger = papers.client()
    stranger.load_cert_chain(strange.folder / "client.pem", strange.folder / "client.key")
    async with serving(tls=papers.paths(client_ca=True)) as port:
        assert await answered(await RawClient.connect(port.port, tls=papers.client("client")))
        for context in (papers.client(), stranger):
            assert await heard_by(port.port, context) == []


async def heard_by(port: int, context: ssl.SSLContext) -> list[object]:
    """All that a client hears there; TLS 1.3 tells of a wrong certificate only who reads."""
    try:
        return list(await (await RawClient.connect(port, tls=context)).ends())
    except (ssl.SSLError, ConnectionError):
        return []


async def test_a_renewed_certificate_is_for_who_comes_and_who_is_there_stays(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        old = await RawClient.connect(port.port, tls=papers.client())
        assert await answered(old, 1)
        renewed = papers.issue("server")
        await port.server.renew_certificates()
        new = await RawClient.connect(port.port, tls=papers.client())
        assert await answered(new)
        assert shown_to(new) == renewed != shown_to(old)
        assert await answered(old, 3)


async def test_a_broken_certificate_is_told_and_the_one_in_use_stays(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        before = await RawClient.connect(port.port, tls=papers.client())
        (papers.folder / "server.pem").write_text("no certificate")
        with structlog.testing.capture_logs() as told:
            await port.server.renew_certificates()
        [entry] = told
        assert entry["event"] == "certificates not renewed"
        assert str(papers.folder / "server.pem") in entry["error"]
        after = await RawClient.connect(port.port, tls=papers.client())
        assert await answered(after)
        assert shown_to(after) == shown_to(before)


async def test_the_unix_socket_speaks_no_tls_before_and_after_a_renewal(papers: Papers, tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    async with serving(tls=papers.paths(), unix_socket=path) as port:
        assert await answered(await RawClient.connect(path=path))
        papers.issue("server")
        await port.server.renew_certificates()
        assert await answered(await RawClient.connect(path=path))


async def test_who_only_begins_a_handshake_counts_and_is_let_go_in_time(papers: Papers) -> None:
    async with serving(bounds=Bounds(preface_timeout_s=0.5), tls=papers.paths(), max_connections=1) as port:
        silent = await RawClient.connect(port.port, preface=b"")
        await until(lambda: port.server.connections == 1, "the client to be accepted")
        assert await (await RawClient.connect(port.port)).ends() == []
        assert port.refused["connections"] == 1
        assert await silent.ends() == []
        await until(lambda: not port.server.connections, "the client to be forgotten")
        assert port.refused["tls_handshake"] == 1
        assert await answered(await RawClient.connect(port.port, tls=papers.client()))


async def test_who_is_at_the_door_when_it_closes_does_not_come_in(papers: Papers) -> None:
    async with serving(tls=papers.paths()) as port:
        silent = await RawClient.connect(port.port, preface=b"")
        await until(lambda: port.server.connections == 1, "the client to be accepted")
        await port.server.stop(30)
        assert await silent.ends() == []
        assert port.server.connections == 0
        papers.issue("server")
        await port.server.renew_certificates()  # of no consequence any more
