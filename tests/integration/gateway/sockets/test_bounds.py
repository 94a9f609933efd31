"""Bounds in time and number at the client port, on real sockets: nobody makes the gateway wait or hold for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.server.listen import CannotListen
from tests.fakes.raw_wire import RawClient, data, prefixed
from tests.fakes.tensors import PREDICT
from tests.fakes.waiting import until
from tests.integration.gateway.sockets.ports import Keeper, serving

SOON = 0.2  # seconds; looked at once a second
BIG = 3_000_000


async def test_a_client_that_never_says_it_speaks_http2_is_let_go() -> None:
    async with serving(bounds=Bounds(preface_timeout_s=SOON)) as port:
        silent = await RawClient.connect(port.port, preface=frames.PREFACE[:10])
        silent.mute = True
        await silent.ends()
        assert port.refused["preface_timeout"] == 1
        silent.close()
        await until(lambda: not port.server.connections, "the connection to be forgotten")


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\0" * 100]
)
async def test_what_is_not_http2_is_told_so_and_let_go(said: bytes) -> None:
    async with serving() as port:
        stranger = await RawClient.connect(port.port, preface=said)
        [goaway] = [frame for frame in await stranger.ends() if frame.kind == frames.GOAWAY]
        assert (goaway.code, goaway.payload[8:]) == (ErrorCode.PROTOCOL_ERROR, b"this port speaks gRPC (HTTP/2) only")
        stranger.close()
        await until(lambda: not port.server.connections, "the connection to be forgotten")


async def test_a_client_that_was_told_to_go_and_does_not_is_cut_off() -> None:
    async with serving() as port:
        stranger = await RawClient.connect(port.port, preface=b"\0" * 100)
        assert port.server.connections == 1
        await stranger.hears(frames.GOAWAY)
        await until(lambda: not port.server.connections, "the connection to be cut off")


async def test_clients_beyond_the_bound_are_turned_away_until_one_leaves() -> None:
    async with serving(max_connections=2) as port:
        first, second = [await RawClient.connect(port.port) for _ in range(2)]
        for client in (first, second):
            await client.hears(frames.SETTINGS)
        third = await RawClient.connect(port.port)
        assert await third.ends() == []
        assert port.refused["connections"] == 1
        first.close()
        await until(lambda: port.server.connections == 1, "the first to be gone")
        fourth = await RawClient.connect(port.port)
        fourth.say(fourth.request(1))
        assert await fourth.answer(1) == (0, prefixed(b"hello"))


async def test_a_request_that_never_ends_is_answered_and_its_connection_goes_on() -> None:
    keeper = Keeper()
    async with serving(keeper, Bounds(request_timeout_s=SOON)) as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1), data(1, prefixed(b"hello")[:7]))
        assert (await client.answer(1))[0] == 13
        assert port.refused["request_timeout"] == 1
        assert (keeper.calls, port.buffers.held_bytes) == ([], 0)
        client.say(client.request(3))
        await until(lambda: keeper.calls, "the next call")


async def test_a_client_that_does_not_read_costs_what_it_asked_for_and_only_for_a_while() -> None:
    bounds = Bounds(write_timeout_s=SOON, max_connection_bytes=3 * BIG)
    async with serving(lambda call: call.reply(bytes(BIG)), bounds) as port:
        client = await RawClient.connect(port.port, (frames.INITIAL_WINDOW_SIZE, 2**31 - 1))
        client.say(frames.window_update(0, 2**31 - 1 - 65_535))
        client.say(*(client.request(number) for number in range(1, 21, 2)))
        most = 0

        def gone() -> bool:
            nonlocal most
            most = max(most, port.buffers.held_bytes)
            return not port.server.connections

        await until(gone, "the connection to be ended")
        assert BIG < most <= 3 * BIG
        assert port.refused["write_timeout"] == 1
        assert port.buffers.held_bytes == 0
        assert port.counters.requests.series  # those without room were refused, and counted as that
        codes = {labels[4] for labels in port.counters.requests.series}
        assert codes == {"OK", "RESOURCE_EXHAUSTED"}


async def test_requests_that_crowd_a_connection_are_read_to_their_ends() -> None:
    """Nothing but their rest can make room."""
    keeper, body = Keeper(), prefixed(bytes(400_000))
    async with serving(keeper, Bounds(max_connection_bytes=1_000_000)) as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1), client.opening(3))
        for start in range(0, len(body), 16_000):
            piece, ends = body[start : start + 16_000], start + 16_000 >= len(body)
            client.say(data(1, piece, ends), data(3, piece, ends))
        await until(lambda: len(keeper.calls) == 2, "both calls")
        for call in keeper.calls:
            call.reply(b"taken")
        for number in (1, 3):
            assert await client.answer(number) == (0, prefixed(b"taken"))


async def test_a_client_that_opens_no_window_is_ended_too() -> None:
    async with serving(lambda call: call.reply(bytes(BIG)), Bounds(write_timeout_s=SOON)) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1))
        heard = await client.ends()
        assert sum(len(frame.payload) for frame in heard if frame.kind == frames.DATA) == frames.DEFAULT_WINDOW_BYTES
        assert heard[-1].payload[8:] == b"the client does not read"
        client.close()
        await until(lambda: not port.buffers.held_bytes, "the reply to be held no more")


async def test_a_client_that_calls_nothing_is_asked_to_go() -> None:
    async with serving(bounds=Bounds(idle_timeout_s=SOON)) as port:
        idle = await RawClient.connect(port.port)
        heard = await idle.ends()
        assert [frame.code for frame in heard if frame.kind == frames.GOAWAY] == [ErrorCode.NO_ERROR] * 2


async def test_a_client_with_a_call_open_is_not_idle() -> None:
    keeper = Keeper()
    async with serving(keeper, Bounds(idle_timeout_s=SOON)) as port:
        idle, busy = [await RawClient.connect(port.port) for _ in range(2)]
        busy.say(busy.request(1))
        await idle.ends()
        keeper.calls[0].reply(b"late")
        assert await busy.answer(1) == (0, prefixed(b"late"))


async def test_an_old_connection_is_asked_to_go_and_its_calls_end_first() -> None:
    keeper = Keeper()
    async with serving(keeper, Bounds(max_age_s=SOON)) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1))
        assert (await client.hears(frames.GOAWAY)).payload[:4] == b"\x7f\xff\xff\xff"
        assert (await client.hears(frames.GOAWAY)).payload[:4] == b"\0\0\0\x01"
        keeper.calls[0].reply(b"late")
        assert await client.answer(1) == (0, prefixed(b"late"))
        assert await client.frame() is None


async def test_an_old_connection_whose_calls_do_not_end_is_ended() -> None:
    keeper = Keeper()
    async with serving(keeper, Bounds(max_age_s=SOON, age_grace_s=SOON)) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1))
        assert (await client.ends())[-1].payload[8:] == b"the connection is too old"
        client.close()
        await until(lambda: keeper.calls[0].ended, "the call to be abandoned")


@pytest.mark.parametrize("answers", [True, False])
async def test_silence_with_a_call_open_is_probed_and_no_answer_ends_it(answers: bool) -> None:
    keeper = Keeper()
    async with serving(keeper, Bounds(keepalive_s=SOON, keepalive_timeout_s=SOON)) as port:
        client = await RawClient.connect(port.port)
        client.mute = not answers
        client.say(client.request(1))
        await client.hears(frames.PING)
        if answers:
            await client.hears(frames.PING)  # the next silence
            keeper.calls[0].reply(b"late")
            assert await client.answer(1) == (0, prefixed(b"late"))
        else:
            assert (await client.ends())[-1].payload[8:] == b"a PING went unanswered"


@pytest.mark.parametrize("left", ["0n", "1n", "1u", "0H"])
async def test_a_deadline_that_has_passed_is_answered(left: str) -> None:
    async with serving(Keeper()) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1, more=(("grpc-timeout", left),)))
        assert (await client.answer(1))[0] == 4


async def test_a_method_that_nobody_knows_is_unimplemented_without_waiting_for_more() -> None:
    async with serving() as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1, path="/a/b"), client.request(3, path=PREDICT))
        assert (await client.answer(1))[0] == 12
        assert await client.answer(3) == (0, prefixed(b"hello"))


async def test_a_stale_unix_socket_is_replaced_and_the_own_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    async with serving(unix_socket=path) as first:
        stale = path.with_name("stale.sock")
        path.rename(stale)
        assert first.server.port
    stale.rename(path)  # nobody listens on it any more
    async with serving(unix_socket=path):
        client = await RawClient.connect(path=path)
        client.say(client.request(1))
        assert await client.answer(1) == (0, prefixed(b"hello"))
    assert not path.exists()


async def test_a_unix_socket_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    async with serving(unix_socket=path):
        with pytest.raises(CannotListen, match=f"Unix socket {path}: Address already in use; give another"):
            async with serving(unix_socket=path):
                pass
        client = await RawClient.connect(path=path)
        client.say(client.request(1))
        assert await client.answer(1) == (0, prefixed(b"hello"))
