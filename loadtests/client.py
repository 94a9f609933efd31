"""gRPC connections for Predict at the level of bytes, warm before they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

from loadtests.problems import Problems
from loadtests.wire import PREDICT

MAX_MESSAGE_CHARS = 300
CONNECT_TIMEOUT_S = 15.0
WARM_CALLS = 10
MAX_REPLY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply's bytes and its response headers (initial metadata)."""

    payload: bytes
    headers: dict[str, str]


class CallFailed(Exception):
    """A call that ended with a gRPC status other than OK; prints as `UNAVAILABLE: message`."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message[:MAX_MESSAGE_CHARS]
        super().__init__(f"{self.code}: {self.message}")


class Connections:
    """`count` separate connections (own subchannels: gRPC would merge them) to one address."""

    __slots__ = ("_channels", "_stubs", "address")

    def __init__(self, address: str, count: int) -> None:
        self.address = address
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channels = [grpc.insecure_channel(address, options=options) for _ in range(count)]
        self._stubs: list[Any] = [channel.unary_unary(PREDICT) for channel in self._channels]

    def warm(self, request: bytes) -> Answer:
        """Connect every connection and make a few unmeasured calls on each; return the last answer.

        Raises: Problems when the server can't be reached or refuses the call.
        """
        answer: Answer | None = None
        for index in range(len(self._stubs)):
            for _ in range(WARM_CALLS):
                try:
                    answer = self.call(index, request, (), CONNECT_TIMEOUT_S)
                except CallFailed as error:
                    raise Problems(self.address, [f"the first call failed: {error}"]) from error
        if answer is None:
            raise ValueError("no connections to warm")
        return answer

    def call(self, index: int, request: bytes, headers: tuple[tuple[str, str], ...], timeout_s: float) -> Answer:
        """One Predict on connection `index` modulo their count. Raises: CallFailed."""
        stub = self._stubs[index % len(self._stubs)]
        try:
            payload, call = stub.with_call(request, timeout=timeout_s, metadata=headers)
        except grpc.RpcError as error:
            raise _failure(error) from error
        return Answer(payload, {str(key): str(value) for key, value in call.initial_metadata() or ()})

    def close(self) -> None:
        """Close all connections; safe to call twice."""
        for channel in self._channels:
            channel.close()


def _failure(error: grpc.RpcError) -> CallFailed:
    """The status of an ended call: grpc raises an object that is both the error and the call."""
    call: Any = error
    return CallFailed(call.code().name, call.details() or "")
