"""A replica that can't be had: nothing is sent to it, nothing suspected of having killed it; it is left in peace."""

from __future__ import annotations

import asyncio

from gateway.errors import Fate, UpstreamFailed
from gateway.upstream.connection import Connection, Ended
from gateway.upstream.policy import UpstreamPolicy
from tests.fakes.tensors import PREDICT
from tests.fakes.transports import connected


async def failure_of_call(connection: Connection) -> UpstreamFailed:
    """How a call fails."""
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    connection.send(PREDICT, b"", 30, (), lambda *end: ended.set_result(end))
    _, failure = await ended
    assert isinstance(failure, UpstreamFailed)
    return failure


async def test_what_a_proxy_takes_for_a_dead_replica_was_never_sent() -> None:
    """Else the message would be suspected of having killed it."""

    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    proxy = await asyncio.start_server(gone, "127.0.0.1", 0)
    address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    async with connected(address, UpstreamPolicy()) as connection:
        failure = await failure_of_call(connection)
        assert (failure.code, failure.fate) == (14, Fate.REFUSED)
        assert "it ended before its SETTINGS came" in failure.message
    proxy.close()


async def test_who_does_not_speak_http2_or_says_nothing_gets_no_calls() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for stranger, words in ((old, "FRAME_SIZE_ERROR"), (quiet, "no answer in time")):
        server = await asyncio.start_server(stranger, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connected(address, UpstreamPolicy(connect_timeout_s=0.2)) as connection:
            failure = await failure_of_call(connection)
            assert failure.fate is Fate.REFUSED
            assert words in failure.message
        server.close()


async def test_a_replica_that_is_away_is_not_dialled_for_every_call() -> None:
    dialled = 0

    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dialled
        dialled += 1
        writer.close()

    proxy = await asyncio.start_server(gone, "127.0.0.1", 0)
    address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    async with connected(address, UpstreamPolicy()) as connection:
        before = asyncio.get_running_loop().time()
        for _ in range(200):
            assert (await failure_of_call(connection)).fate is Fate.REFUSED
        waited_s = asyncio.get_running_loop().time() - before
        assert 1 <= dialled <= 2 + waited_s / 0.08  # a tenth of a second between two, less a fifth
    proxy.close()
