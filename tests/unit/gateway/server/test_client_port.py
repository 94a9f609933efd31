"""The client port over either transport, with handlers made for the test: what goes in, what comes out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from gateway.call import Call, monotonic_us
from gateway.errors import Fate, InvalidRequest, UpstreamFailed
from gateway.http2.bounds import Bounds
from gateway.server.listen import CannotListen, Handle, Listen
from gateway.telemetry.counters import Counters
from gateway.upstream.policy import Transport
from tests.fakes.tensors import PREDICT
from tests.fakes.transports import BOTH, make_server
from tests.fakes.waiting import until

MAX_BYTES = 100_000


class Port:
    """A started server and a client of it; `handle` decides what becomes of a call."""

    def __init__(self, channel: grpc.aio.Channel, counters: Counters) -> None:
        self.channel = channel
        self.counters = counters

    def call(
        self, message: bytes = b"hello", timeout_s: float | None = 30, path: str = PREDICT, **headers: str
    ) -> grpc.aio.UnaryUnaryCall[bytes, bytes]:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        return method(message, timeout=timeout_s, metadata=tuple((k.replace("_", "-"), v) for k, v in headers.items()))

    def codes(self) -> dict[str, int]:
        """Counted calls by gRPC code."""
        return {labels[4]: count for labels, count in self.counters.requests.series.items()}


def listen(port: int = 0, default_timeout_s: float | None = None, unix_socket: Path | None = None) -> Listen:
    return Listen("127.0.0.1", port, unix_socket, default_timeout_s, bounds=Bounds(max_message_bytes=MAX_BYTES))


Serving = Callable[..., AbstractAsyncContextManager[Port]]


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> Transport:
    return Transport(request.param)


@pytest.fixture
def serving(transport: Transport) -> Serving:
    """A started port whose calls `handle` gets, over each transport in turn."""

    @asynccontextmanager
    async def serving(handle: Handle, where: Listen | None = None) -> AsyncIterator[Port]:
        counters = Counters()
        server = make_server(transport, where or listen(), handle, counters)
        await server.start()
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
            yield Port(channel, counters)
        await server.stop(0)

    return serving


async def error_of(call: grpc.aio.UnaryUnaryCall[bytes, bytes]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


ROUTED = (("tidegate-arm", "canary"), ("tidegate-version", "7"))


async def test_a_reply_brings_its_headers(serving: Serving) -> None:
    async with serving(lambda call: call.reply(call.message[::-1], ROUTED)) as port:
        call = port.call(b"abc")
        assert await call == b"cba"
        assert dict(await call.initial_metadata())["tidegate-version"] == "7"
        assert port.codes() == {"OK": 1}


async def test_an_error_brings_its_headers_in_the_trailers(serving: Serving) -> None:
    async with serving(lambda call: call.fail(InvalidRequest("no"), ROUTED)) as port:
        error = await error_of(port.call())
        assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "no")
        assert dict(error.trailing_metadata() or ())["tidegate-arm"] == "canary"


async def test_a_replicas_error_passes_with_its_trailers(serving: Serving) -> None:
    trailers = (("x-why", "because"), ("x-why-bin", b"\x00"))
    failure = UpstreamFailed(15, "lost: ü", Fate.ANSWERED, trailers)
    async with serving(lambda call: call.fail(failure, ROUTED)) as port:
        error = await error_of(port.call())
        assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "lost: ü")
        sent = dict(error.trailing_metadata() or ())
        assert (sent["x-why"], sent["x-why-bin"], sent["tidegate-arm"]) == ("because", b"\x00", "canary")


async def test_a_long_error_is_cut_where_tensorflow_serving_cuts(serving: Serving) -> None:
    async with serving(lambda call: call.fail(InvalidRequest("x" * 5000))) as port:
        assert (await error_of(port.call())).details() == "x" * 1024 + "...TRUNCATED"


async def test_the_handler_sees_method_metadata_and_deadline(serving: Serving) -> None:
    seen: list[Call] = []

    def handle(call: Call) -> None:
        seen.append(call)
        call.reply(b"")

    async with serving(handle) as port:
        await port.call(timeout_s=30, x_user_id="u1")
        await port.call(timeout_s=None)
    first, second = seen
    assert (first.method, dict(first.metadata)["x-user-id"]) == ("Predict", "u1")
    left_s = first.deadline.remaining_s(monotonic_us())
    assert left_s is not None
    assert 0 < left_s < 31
    assert second.deadline.remaining_s(monotonic_us()) is None


async def test_the_default_timeout_is_for_calls_without_deadline(serving: Serving) -> None:
    seen: list[float | None] = []

    def handle(call: Call) -> None:
        seen.append(call.deadline.remaining_s(call.started_us))
        call.reply(b"")

    async with serving(handle, listen(default_timeout_s=5)) as port:
        await port.call(timeout_s=None)
    assert seen == [5]


async def test_the_default_timeout_ends_a_call_that_nobody_answers(serving: Serving) -> None:
    """With the headers of where it was sent: nobody knows of them but who routed it."""
    calls: list[Call] = []

    def handle(call: Call) -> None:
        call.model, call.headers = "digits", ROUTED
        calls.append(call)

    async with serving(handle, listen(default_timeout_s=0.05)) as port:
        async with asyncio.timeout(20):
            error = await error_of(port.call(timeout_s=None))
        assert (error.code(), error.details()) == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        assert dict(error.trailing_metadata() or ())["tidegate-arm"] == "canary"
        assert calls[0].ended
        assert port.codes() == {"DEADLINE_EXCEEDED": 1}


async def test_a_client_that_cancels_abandons_its_call(serving: Serving) -> None:
    calls: list[Call] = []
    async with serving(calls.append) as port:
        call = port.call()
        await until(lambda: calls, "the call to arrive")
        call.cancel()
        await until(lambda: calls[0].ended, "the call to be abandoned")
        assert not calls[0].answered
        await until(port.codes, "the call to be counted")
        assert port.codes() == {"CANCELLED": 1}


async def test_a_deadline_that_passes_is_the_serving_sides_failure(serving: Serving) -> None:
    """A rollout's judge has to see a version that hangs."""
    calls: list[Call] = []
    async with serving(calls.append) as port:
        assert (await error_of(port.call(timeout_s=0.2))).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: calls[0].ended and port.codes(), "the call to be abandoned and counted")
        assert port.codes() == {"DEADLINE_EXCEEDED": 1}


async def test_an_answer_after_the_client_left_is_no_error(serving: Serving) -> None:
    calls: list[Call] = []
    async with serving(calls.append) as port:
        call = port.call()
        await until(lambda: calls, "the call to arrive")
        call.cancel()
        await until(lambda: calls[0].ended, "the call to be abandoned")
        calls[0].reply(b"late")
        assert port.codes() == {"CANCELLED": 1}


async def test_messages_over_the_limit_are_refused_and_the_port_goes_on(serving: Serving) -> None:
    async with serving(lambda call: call.reply(call.message)) as port:
        assert len(await port.call(bytes(MAX_BYTES))) == MAX_BYTES
        error = await error_of(port.call(bytes(MAX_BYTES + 1)))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await port.call(b"still here") == b"still here"


async def test_unknown_methods_are_unimplemented(serving: Serving) -> None:
    async with serving(lambda call: call.reply(b"")) as port:
        error = await error_of(port.call(path="/tensorflow.serving.SessionService/SessionRun"))
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_busy_port_is_an_error_that_says_so(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        server = make_server(transport, listen(port), lambda call: call.reply(b""), Counters())
        with pytest.raises(CannotListen, match=f"gRPC port 127.0.0.1:{port} cannot be opened: Address already in use"):
            await server.start()
        await server.stop(0)


async def test_a_unix_socket_serves_too(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    async with (
        serving(lambda call: call.reply(b"unix"), listen(unix_socket=path)),
        grpc.aio.insecure_channel(f"unix:{path}") as channel,
    ):
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        assert await method(b"", timeout=30) == b"unix"


async def test_calls_run_side_by_side(serving: Serving) -> None:
    calls: list[Call] = []
    async with serving(calls.append) as port:
        waiting = [asyncio.ensure_future(port.call(b"%d" % number)) for number in range(20)]
        await until(lambda: len(calls) == 20, "all calls to arrive")
        for call in reversed(calls):
            call.reply(call.message)
        assert await asyncio.gather(*waiting) == [b"%d" % number for number in range(20)]
