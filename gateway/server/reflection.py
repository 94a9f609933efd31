"""gRPC reflection. The library's servicer does the work, and is loaded when the first client asks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError

from gateway.http2.errors import ErrorCode
from gateway.http2.shell.server import ServerLink
from gateway.http2.stream import Stream
from gateway.server.methods import MODEL_SERVICE, PREDICTION_SERVICE
from gateway.server.status import Code
from gateway.server.streams import StreamCall
from gateway.server.true_pool import true_pool

PATH: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
SERVICES: Final = (PREDICTION_SERVICE, MODEL_SERVICE, "grpc.reflection.v1alpha.ServerReflection")
MAX_UNANSWERED: Final = 64  # questions of one stream
MAX_WAITING_BYTES: Final = 64 * 1024  # of them; a question has a name or two

log = structlog.get_logger("server")


class ReflectionStream(StreamCall):
    """One client's questions, answered in order in a thread: descriptors take milliseconds. Owns its task."""

    def __init__(self, link: ServerLink, stream: Stream, ended: Callable[[StreamCall], None]) -> None:
        super().__init__(link, stream, ended)
        self._waiting_bytes = 0  # of questions
        self._questions: deque[bytes] = deque()
        self._said_all = False
        self._task: asyncio.Task[None] | None = None

    def message(self, message: bytes) -> None:
        self._waiting_bytes += len(message)
        if len(self._questions) >= MAX_UNANSWERED or self._waiting_bytes > MAX_WAITING_BYTES:
            self._link.connection.reset(self._stream, ErrorCode.ENHANCE_YOUR_CALM)
            self._link.mark()
            self.gone()
            return
        self._questions.append(message)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer(), name="reflection")

    def half_closed(self) -> None:
        self._said_all = True
        if self._task is None:
            self.finish()

    def gone(self) -> None:
        super().gone()
        self._questions.clear()
        self._waiting_bytes = 0
        if self._task is not None:
            self._task.cancel()

    async def _answer(self) -> None:
        try:
            while self._questions:
                question = self._questions.popleft()
                answers = await asyncio.to_thread(_ask, question)
                self._waiting_bytes -= len(question)
                for answer in answers:
                    self.push(answer)
        except DecodeError:
            self.finish(Code.INTERNAL, "the message is no ServerReflectionRequest")
            return
        except Exception:  # logged and told to the client: a bug of the library's servicer costs that stream alone
            log.exception("reflection failed")
            self.finish(Code.INTERNAL, "the question could not be answered")
            return
        self._task = None
        if self._said_all:
            self.finish()


def _ask(question: bytes) -> list[bytes]:
    from grpc_reflection.v1alpha import reflection_pb2

    request = reflection_pb2.ServerReflectionRequest.FromString(question)
    answers: Iterable[Any] = _servicer().ServerReflectionInfo(iter((request,)), None)
    return [answer.SerializeToString() for answer in answers]


@lru_cache(maxsize=1)
def _servicer() -> Any:
    from grpc_reflection.v1alpha import reflection

    return reflection.ReflectionServicer(service_names=SERVICES, pool=true_pool())
