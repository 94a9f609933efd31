"""One awaitable call to one replica, for the control side (status, metadata, reload); no retries, no slots."""

from __future__ import annotations

import asyncio

from gateway.errors import Failure
from gateway.upstream.replica import Replica

METADATA_PATH = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS_PATH = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD_PATH = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


async def ask(replica: Replica, path: str, message: bytes, timeout_s: float) -> bytes:
    """The replica's reply. Raises: Failure (an UpstreamFailed when the replica or the connection said no)."""
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def done(reply: bytes | None, failure: Failure | None) -> None:
        if answer.done():
            return
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(reply or b"")

    cancel = replica.connection.send(path, message, timeout_s, (), done)
    try:
        return await answer
    except asyncio.CancelledError:
        cancel()
        raise
