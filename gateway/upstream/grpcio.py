"""A replica over grpc.aio: the reference transport, and the fallback."""

from __future__ import annotations

import asyncio

import grpc
import structlog

from gateway.call import Headers, Message
from gateway.errors import Fate, UpstreamFailed
from gateway.upstream.connection import Cancel, Done, Ended
from gateway.upstream.policy import TlsFiles, UpstreamPolicy

INTERNAL = 13
UNAVAILABLE = 14

# C-core's own words where no connection was there to send on, and where one broke under a call. It gives no other sign
# of whether a status came from the peer, so the channel's state is asked too.
_NEVER_SENT = ("failed to connect to all addresses", "connections to all backends failing", "name resolution failed")
_BROKE = ("Socket closed", "keepalive watchdog timeout", "Transport closed")
# Trailers that gRPC itself writes; the others are the replica's own.
_OWN_TRAILERS = ("grpc-status", "grpc-message")

log = structlog.get_logger("upstream")


class GrpcioConnection:
    """A channel of its own for one address: no hidden retries, no shared sub-channels, quick reconnects."""

    def __init__(self, target: str, authority: str, policy: UpstreamPolicy) -> None:
        """`target` is a gRPC target ("ipv4:127.0.0.1:8501"), `authority` the name the replica is asked for."""
        options = [
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", policy.max_message_bytes),
            ("grpc.max_send_message_length", policy.max_message_bytes),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", int(policy.connect_timeout_s * 1000)),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.default_authority", authority),
        ]
        if policy.tls is None:
            self._channel = grpc.aio.insecure_channel(target, options=options)
        else:
            if policy.tls.server_name:
                options.append(("grpc.ssl_target_name_override", policy.tls.server_name))
            self._channel = grpc.aio.secure_channel(target, credentials(policy.tls), options=options)
        self._methods: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}
        self._waiting: dict[asyncio.Task[None], Done] = {}  # who is still to be told, by the task of its call
        self._closed = False

    def send(self, path: str, message: Message, timeout_s: float | None, metadata: Headers, done: Done) -> Cancel:
        task = asyncio.get_running_loop().create_task(self._exchange(path, message, timeout_s, metadata))
        self._waiting[task] = done

        def cancel() -> None:
            self._waiting.pop(task, None)
            task.cancel()

        return cancel

    async def _exchange(self, path: str, message: Message, timeout_s: float | None, metadata: Headers) -> None:
        """One call; whoever waits for it is told, however it ends."""
        ended: Ended | None = None
        try:
            if not self._closed:
                ended = await self._call(path, message, timeout_s, metadata)
        finally:
            self._tell(asyncio.current_task(), ended)

    async def _call(self, path: str, message: Message, timeout_s: float | None, metadata: Headers) -> Ended:
        method = self._methods.get(path)
        if method is None:
            method = self._methods[path] = self._channel.unary_unary(path)
        try:
            whole = message if isinstance(message, bytes) else b"".join(message)
            return await method(whole, timeout=timeout_s, metadata=metadata or None), None
        except grpc.aio.AioRpcError as error:
            connected = self._channel.get_state() is grpc.ChannelConnectivity.READY
            return None, failure_of(error, connected)
        except Exception as error:  # noqa: BLE001 - gRPC raises what it likes for a call it will not start
            log.warning("a call could not be sent", path=path, error=type(error).__name__)
            return None, UpstreamFailed(INTERNAL, "the call could not be sent", Fate.ANSWERED)

    def _tell(self, task: asyncio.Task[None] | None, ended: Ended | None) -> None:
        """Hand over the end of a call, None: it was cut off here; once, and not to a caller that cancelled."""
        done = None if task is None else self._waiting.pop(task, None)
        if done is not None:
            done(*(ended or (None, UpstreamFailed(UNAVAILABLE, "the replica was taken out of service", Fate.ANSWERED))))

    async def close(self) -> None:
        """End every call in flight and the channel; who waits is told."""
        self._closed = True
        for task in tuple(self._waiting):
            task.cancel()
            self._tell(task, None)
        await self._channel.close()


def failure_of(error: grpc.aio.AioRpcError, connected: bool) -> UpstreamFailed:
    """The replica's error with its code, text and trailers, and what became of the message.

    `connected`: whether the channel still stood when the error came.
    """
    code, details = int(error.code().value[0]), error.details() or ""
    trailers = tuple((str(key), value) for key, value in error.trailing_metadata() or () if key not in _OWN_TRAILERS)
    fate = Fate.ANSWERED
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        if details.startswith(_NEVER_SENT):
            fate = Fate.REFUSED
        elif not connected or details in _BROKE or details.startswith("Stream removed ("):
            fate = Fate.LOST
    return UpstreamFailed(code, details, fate, trailers)


def credentials(tls: TlsFiles) -> grpc.ChannelCredentials:
    """Channel credentials from PEM files. Raises: OSError for a file that can't be read."""
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca_file), private_key=_read(tls.key_file), certificate_chain=_read(tls.cert_file)
    )


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:  # noqa: PTH123 - a plain read at start-up
        return file.read()
