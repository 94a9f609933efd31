"""The client port over grpc.aio: the reference transport, and the fallback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc

from gateway.call import NEVER_US, Call, Deadline, Headers, monotonic_us
from gateway.errors import DeadlineExceeded, Failure, UpstreamFailed
from gateway.server.accounts import count_ended
from gateway.server.grpcio_services import GrpcioHealth, add_reflection
from gateway.server.listen import DEADLINE_SLACK_US, CannotListen, Handle, Listen, probe
from gateway.server.methods import METHODS
from gateway.server.status import Code, status_of
from gateway.telemetry.counters import Counters

Ended = tuple[bytes | None, Failure | None, Headers]
Context = grpc.aio.ServicerContext[bytes, bytes]

_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcioServer:
    """Owns the grpc.aio server. `port` is the bound one after `start`."""

    def __init__(self, listen: Listen, handle: Handle, counters: Counters) -> None:
        self._listen = listen
        self.port = 0
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # else a busy port is taken without a word
                ("grpc.max_receive_message_length", listen.bounds.max_message_bytes),
                ("grpc.max_send_message_length", listen.bounds.max_message_bytes),
                ("grpc.max_concurrent_streams", listen.bounds.max_concurrent_streams),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ]
        )
        self._server.add_generic_rpc_handlers((_Methods(handle, counters, listen.default_timeout_s),))
        self.health = GrpcioHealth(self._server)
        add_reflection(self._server)

    async def start(self) -> None:
        """Listen. Raises: CannotListen."""
        listen, address = self._listen, self._listen.address
        probe(listen)
        try:
            if listen.tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, _credentials(listen))
            if listen.unix_socket is not None:
                self._server.add_insecure_port(f"unix:{listen.unix_socket}")
        except RuntimeError as error:
            raise CannotListen(f"gRPC cannot listen on {address} or its Unix socket: {error}; give others") from error
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give those in flight `grace_s`, then end them."""
        await self._server.stop(grace_s)

    async def renew_certificates(self) -> None:
        """They are read at the start alone: this transport can't change them."""

    @property
    def connections(self) -> int:
        """Not known of this transport."""
        return 0

    @property
    def unfinished(self) -> int:
        """Not known of this transport."""
        return 0


def _credentials(listen: Listen) -> grpc.ServerCredentials:
    if listen.tls is None:
        raise AssertionError("asked for only with a certificate")
    tls = listen.tls
    authorities = None if tls.client_ca is None else tls.client_ca.read_bytes()
    return grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.certificate.read_bytes())],
        root_certificates=authorities,
        require_client_auth=authorities is not None,
    )


class _Methods(grpc.GenericRpcHandler):
    """Every method of METHODS as bytes in, bytes out."""

    def __init__(self, handle: Handle, counters: Counters, default_timeout_s: float | None) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            path: grpc.unary_unary_rpc_method_handler(_serve(method, handle, counters, default_timeout_s))
            for path, method in METHODS.items()
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handlers.get(details.method)


def _serve(
    method: str, handle: Handle, counters: Counters, default_timeout_s: float | None
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def serve(message: bytes, context: Context) -> bytes:
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def finish(reply: bytes | None, failure: Failure | None, headers: Headers) -> None:
            if not ended.done():
                ended.set_result((reply, failure, headers))

        left_s, is_default = _time_left(context, default_timeout_s)
        now_us = monotonic_us()
        deadline = Deadline() if left_s is None else Deadline(now_us + int(left_s * 1e6))
        call = Call(method, message, _metadata(context), deadline, now_us, finish)
        if left_s is not None and is_default:
            _end_in(call, left_s)
        handle(call)
        try:
            reply, failure, headers = await ended
        except asyncio.CancelledError:
            call.abandon()
            late = call.deadline.passed(monotonic_us() + DEADLINE_SLACK_US)
            count_ended(counters, call, Code.DEADLINE_EXCEEDED if late else Code.CANCELLED)
            raise
        if failure is not None:
            code, text = status_of(failure)
            count_ended(counters, call, code, failure)
            context.set_trailing_metadata(_trailers(failure, headers))
            await context.abort(_GRPC_CODES[int(code)], text)
        count_ended(counters, call, Code.OK)
        if headers:
            await context.send_initial_metadata(headers)
        return reply or b""

    return serve


def _time_left(context: Context, default_timeout_s: float | None) -> tuple[float | None, bool]:
    """(seconds until the call's deadline, None without one; whether that is the gateway's own default)."""
    left_s: float | None = context.time_remaining()
    if left_s is None or left_s > NEVER_US / 4e6:
        return default_timeout_s, True
    return left_s, False


def _end_in(call: Call, left_s: float) -> None:
    """A deadline that the client didn't set: gRPC ends only those that it did."""

    def end() -> None:
        call.fail(DeadlineExceeded("Deadline Exceeded"), call.headers)

    call.on_end(asyncio.get_running_loop().call_later(left_s, end).cancel)


def _metadata(context: Context) -> Headers:
    return tuple((str(key), value) for key, value in context.invocation_metadata() or ())


def _trailers(failure: Failure, headers: Headers) -> Headers:
    """Trailers-only: the routing headers go where the error goes, after what the replica itself had to say."""
    if not isinstance(failure, UpstreamFailed):
        return headers
    return (*failure.trailers, *headers)
