"""The client port drains in two stages: who is inside is answered, who comes too late hears that nothing was lost."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import grpc

from gateway.call import Call
from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.server.streams import HEALTH_WATCH
from tests.fakes.raw_wire import RawClient, data, prefixed
from tests.fakes.tensors import PREDICT
from tests.fakes.waiting import until
from tests.integration.gateway.sockets.ports import Keeper, OpenPort, serving


async def refuses(port: OpenPort) -> bool:
    """Whether nobody listens there any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_calls_sent_before_the_client_could_hear_of_it_are_taken_and_later_ones_refused_unseen() -> None:
    keeper = Keeper()
    async with serving(keeper) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1))
        await until(lambda: len(keeper.calls) == 1, "the first call")
        client.mute = True
        stopping = asyncio.create_task(port.server.stop(30))
        first = await client.hears(frames.GOAWAY)
        assert (first.code, first.payload[:4]) == (ErrorCode.NO_ERROR, b"\x7f\xff\xff\xff")
        ping = await client.hears(frames.PING)
        client.say(client.request(3))  # crossed the first GOAWAY on its way
        client.say(frames.ping_ack(ping.payload))
        second = await client.hears(frames.GOAWAY)
        assert second.payload[:4] == b"\0\0\0\x03"
        client.say(client.request(5))
        client.say(frames.ping(b"everyone"))
        await client.hears(frames.PING)  # its answer: what came before it was read
        assert len(keeper.calls) == 2
        for call in keeper.calls:
            call.reply(call.message)
        assert await client.answer(1) == (0, prefixed(b"hello"))
        assert await client.answer(3) == (0, prefixed(b"hello"))
        assert await client.frame() is None
        await stopping
        assert await refuses(port)


async def test_a_client_that_does_not_answer_the_ping_is_drained_all_the_same() -> None:
    keeper = Keeper()
    async with serving(keeper) as port:
        client = await RawClient.connect(port.port)
        client.mute = True
        client.say(client.request(1))
        await until(lambda: keeper.calls, "the call")
        stopping = asyncio.create_task(port.server.stop(30))
        for last in (b"\x7f\xff\xff\xff", b"\0\0\0\x01"):
            assert (await client.hears(frames.GOAWAY)).payload[:4] == last
        keeper.calls[0].reply(b"late")
        assert await client.answer(1) == (0, prefixed(b"late"))
        await stopping


async def test_what_outlives_the_grace_is_cut_off() -> None:
    keeper = Keeper()
    async with serving(keeper) as port:
        client = await RawClient.connect(port.port)
        client.say(client.request(1))
        await until(lambda: keeper.calls, "the call")
        await port.server.stop(0.05)
        await client.ends()
        await until(lambda: keeper.calls[0].ended, "the call to be abandoned")


async def test_no_call_of_a_grpc_client_is_lost_while_one_port_drains_and_another_takes_over() -> None:
    """Its channel knows both; each call is answered once, by one of them."""
    answered: list[int] = []

    def handler(number: int) -> object:
        def handle(call: Call) -> None:
            answered.append(number)
            asyncio.get_running_loop().call_later(0.002, call.reply, call.message)

        return handle

    async with serving(handler(1)) as old, serving(handler(2)) as new:  # type: ignore[arg-type]  # closures
        target = f"ipv4:127.0.0.1:{old.port},127.0.0.1:{new.port}"
        async with grpc.aio.insecure_channel(target) as channel:
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
            stop = asyncio.Event()
            done = 0

            async def caller(name: int) -> None:
                nonlocal done
                while not stop.is_set():
                    message = b"%d" % name * 100
                    assert await method(message, timeout=30) == message
                    done += 1

            callers = [asyncio.create_task(caller(name)) for name in range(8)]
            await until(lambda: done > 100, "the load to run")
            assert set(answered) == {1}
            await old.server.stop(30)
            seen = done
            await until(lambda: done > seen + 100 or any(task.done() for task in callers), "the load to go on")
            stop.set()
            await asyncio.gather(*callers)
    assert set(answered) == {1, 2}
    assert len(answered) == done


async def test_a_client_is_owed_its_reply_until_the_last_byte_has_left() -> None:
    message = bytes(3_000_000)
    async with serving(lambda call: call.reply(message)) as port:
        client = await RawClient.connect(port.port)
        assert port.server.unfinished == 0
        client.say(client.request(1))
        await until(lambda: port.counters.requests.series, "the call to be answered")
        assert port.server.unfinished == 1
        stopping = asyncio.create_task(port.server.stop(30))
        client.say(frames.window_update(0, 2**30), frames.window_update(1, 2**30))
        assert await client.answer(1) == (0, prefixed(message))
        await client.ends()
        await stopping
        assert port.server.unfinished == 0


async def test_who_watches_is_owed_no_end() -> None:
    async with serving() as port:
        client = await RawClient.connect(port.port)
        client.say(client.opening(1, HEALTH_WATCH), data(1, prefixed(b"")))
        await client.hears(frames.DATA)
        assert port.server.unfinished == 0


async def test_a_drained_client_that_does_not_read_its_reply_is_cut_off_in_the_end() -> None:
    """The reply is with the socket already, so that nothing is left to frame."""
    async with serving(lambda call: call.reply(bytes(400_000)), Bounds(write_timeout_s=0.2)) as port:
        with socket.create_connection(("127.0.0.1", port.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire = RawClient(None, None)  # type: ignore[arg-type]  # for its words alone
            said = frames.PREFACE + frames.settings(((frames.INITIAL_WINDOW_SIZE, 2**31 - 1),))
            client.sendall(said + frames.window_update(0, 2**30) + wire.request(1))
            await until(lambda: port.counters.requests.series, "the call to be answered")
            stopping = asyncio.create_task(port.server.stop(60))
            await until(lambda: not port.server.connections, "the connection to be cut off")
            await stopping


async def test_a_successors_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path, keeper = tmp_path / "serve.sock", Keeper()
    async with serving(keeper, unix_socket=path) as old:
        inside = await RawClient.connect(path=path)
        inside.say(inside.request(1))
        await until(lambda: keeper.calls, "the call")
        stopping = asyncio.create_task(old.server.stop(30))
        await until(lambda: not path.exists(), "the path to be free")
        async with serving(unix_socket=path):
            keeper.calls[0].reply(b"late")
            assert await inside.answer(1) == (0, prefixed(b"late"))
            await inside.ends()
            await stopping
            client = await RawClient.connect(path=path)
            client.say(client.request(1))
            assert await client.answer(1) == (0, prefixed(b"hello"))
