"""Streaming calls of the client port: bounded in number for all clients, and in what their questions hold."""

from __future__ import annotations

import pytest

from gateway.call import monotonic_us
from gateway.http2 import frames
from gateway.http2.errors import ErrorCode
from gateway.server.reflection import MAX_WAITING_BYTES
from gateway.server.reflection import PATH as REFLECTION
from gateway.server.streams import HEALTH_WATCH
from tests.fakes.raw_wire import RawClient, data, prefixed
from tests.fakes.waiting import until
from tests.integration.gateway.sockets.ports import Keeper, serving


@pytest.mark.parametrize("path", [HEALTH_WATCH, REFLECTION])
async def test_streaming_calls_beyond_the_bound_are_refused_until_one_ends(path: str) -> None:
    async with serving(max_streaming_calls=2) as port:
        first, second = [await RawClient.connect(port.port) for _ in range(2)]
        first.say(first.opening(1, HEALTH_WATCH), data(1, prefixed(b"")))
        await first.hears(frames.DATA)
        second.say(second.opening(1, REFLECTION), second.opening(3, path), second.request(5))
        assert (await second.answer(3))[0] == 8
        assert port.refused["streaming_calls"] == 1
        assert (await second.answer(5))[0] == 0
        first.close()
        await until(lambda: port.server.connections == 1, "the first to be gone")
        second.say(second.opening(7, HEALTH_WATCH), data(7, prefixed(b"")))
        await second.hears(frames.DATA, 7)


async def test_streaming_calls_that_ended_make_room() -> None:
    async with serving(max_streaming_calls=1) as port:
        client = await RawClient.connect(port.port)
        for number in (1, 3):
            client.say(client.opening(number, REFLECTION), data(number, b"", ends=True))
            assert (await client.answer(number))[0] == 0
        client.say(client.opening(5, HEALTH_WATCH), frames.rst_stream(5, ErrorCode.CANCEL))
        client.say(client.opening(7, HEALTH_WATCH), data(7, prefixed(b"")))
        await client.hears(frames.DATA, 7)


async def test_questions_that_hold_much_end_their_stream() -> None:
    question = prefixed(b"\x22" + bytes([0x80, 0x40]) + b"x" * 8192)  # a symbol of 8,192 letters
    async with serving() as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1, REFLECTION))
        client.say(*[data(1, question)] * (MAX_WAITING_BYTES // 8192))
        assert (await client.hears(frames.RST_STREAM, 1)).code is ErrorCode.ENHANCE_YOUR_CALM
        client.say(client.opening(3, REFLECTION), data(3, question, ends=True))
        assert (await client.answer(3))[0] == 0


async def test_a_long_name_to_watch_is_a_service_unknown() -> None:
    async with serving() as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1, HEALTH_WATCH), data(1, prefixed(b"\x0a\x80\x40" + b"x" * 8192)))
        assert (await client.hears(frames.DATA, 1)).payload == prefixed(b"\x08\x03")


async def test_a_clients_clock_runs_while_it_sends_its_request() -> None:
    keeper = Keeper()
    async with serving(keeper) as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1, more=(("grpc-timeout", "1m"),)), frames.ping(b"arrived!"))
        await client.hears(frames.PING)
        await until_late()
        client.say(data(1, prefixed(b"late"), ends=True), client.request(3, more=(("grpc-timeout", "1H"),)))
        assert (await client.answer(1))[0] == 4
        await until(lambda: keeper.calls, "the call in time")
        assert [call.message for call in keeper.calls] == [b"hello"]


async def until_late() -> None:
    """A millisecond of the monotonic clock passes."""
    from_us = monotonic_us()
    await until(lambda: monotonic_us() > from_us + 1000, "a millisecond")
