"""The client port over grpc.aio: the reference transport, and the fallback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from gateway.call import NEVER_US, Call, Deadline, Headers, monotonic_us
from gateway.errors import DeadlineExceeded, Failure, UpstreamFailed
from gateway.server.accounts import count_ended
from gateway.server.methods import METHODS
from gateway.server.status import Code, status_of
from gateway.telemetry.counters import Counters

Handle = Callable[[Call], None]
Ended = tuple[bytes | None, Failure | None, Headers]
Context = grpc.aio.ServicerContext[bytes, bytes]

_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}
# Trailers that gRPC itself writes; a replica's others are passed on with its error.
_OWN_TRAILERS = ("grpc-status", "grpc-message")
# A client's timer started before its call arrived here, so its cancellation comes a little before our own deadline.
DEADLINE_SLACK_US = 50_000


class CannotListen(Exception):
    """The port or socket can't be opened; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Listen:
    """Where and how to listen. `port` 0 picks a free one; TLS when `certificate` (chain, key) is given."""

    host: str
    port: int
    unix_socket: Path | None
    max_message_bytes: int
    max_concurrent_streams: int
    default_timeout_s: float | None
    certificate: tuple[bytes, bytes] | None = None
    client_ca: bytes | None = None


class GrpcioServer:
    """Owns the grpc.aio server. `add` services before `start`; `port` is the bound one after it."""

    def __init__(self, listen: Listen, handle: Handle, counters: Counters) -> None:
        self._listen = listen
        self.port = 0
        self.server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # else a busy port is taken without a word
                ("grpc.max_receive_message_length", listen.max_message_bytes),
                ("grpc.max_send_message_length", listen.max_message_bytes),
                ("grpc.max_concurrent_streams", listen.max_concurrent_streams),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ]
        )
        self.server.add_generic_rpc_handlers((_Methods(handle, counters, listen.default_timeout_s),))

    async def start(self) -> None:
        """Listen. Raises: CannotListen."""
        listen, address = self._listen, _address(self._listen.host, self._listen.port)
        _refuse_if_taken(listen.host, listen.port)
        try:
            if listen.certificate is None:
                self.port = self.server.add_insecure_port(address)
            else:
                self.port = self.server.add_secure_port(address, _credentials(listen))
            if listen.unix_socket is not None:
                self.server.add_insecure_port(f"unix:{listen.unix_socket}")
        except RuntimeError as error:
            raise CannotListen(f"gRPC cannot listen on {address} or its Unix socket: {error}; give others") from error
        await self.server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give those in flight `grace_s`, then end them."""
        await self.server.stop(grace_s)


def _refuse_if_taken(host: str, port: int) -> None:
    """gRPC tells why a port can't be opened only in its own log. Raises: CannotListen with the system's reason."""
    if not port:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotListen(
            f"gRPC port {_address(host, port)} cannot be opened: {error.strerror or error}; give a free --port"
        ) from error


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _credentials(listen: Listen) -> grpc.ServerCredentials:
    if listen.certificate is None:
        raise AssertionError("asked for only with a certificate")
    chain, key = listen.certificate
    return grpc.ssl_server_credentials(
        [(key, chain)], root_certificates=listen.client_ca, require_client_auth=listen.client_ca is not None
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
    return (*((key, value) for key, value in failure.trailers if key not in _OWN_TRAILERS), *headers)
