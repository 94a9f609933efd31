"""A model server that computes nothing: it replays recorded replies, so that what stands before it can be measured.

`python -m benchmarks.fast_upstream FOLDER`: reads FOLDER/MODEL/{status,metadata,predict} (recorded from a real server),
writes the bound port to FOLDER/port, ends when its standard input does. A Predict of several rows gets the recorded row
that many times.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any, Final

import uvloop
from google.protobuf.message import DecodeError

from benchmarks.calls import FRAME_BYTES, METADATA, PREDICT, STATUS, framed, repeated_reply
from benchmarks.upstream_connection import UNIMPLEMENTED, Connection
from protos.stubs.tidegate.wire.v1 import management_pb2, metadata_pb2, predict_pb2

INVALID_ARGUMENT, NOT_FOUND = 3, 5
KNOWN_REQUESTS: Final = 1024
START_BYTES: Final = 512  # model, dtype and shape stand there; with its length, they tell a request
NAMES: Final = {STATUS: "status", METADATA: "metadata", PREDICT: "predict"}
REQUESTS: Final[dict[str, Any]] = {
    STATUS: management_pb2.GetModelStatusRequest,
    METADATA: metadata_pb2.GetModelMetadataRequest,
    PREDICT: predict_pb2.PredictRequest,
}


class Replies:
    """The right reply to each request, by model, method and number of rows (which the gateway's batching bounds)."""

    def __init__(self, recorded: dict[str, dict[str, bytes]]) -> None:
        self._recorded = recorded
        self._rows: dict[tuple[str, int], bytes] = {}
        self._known: dict[tuple[str, int, bytes], bytes] = {}

    def answer(self, path: str, parts: list[bytes]) -> bytes | int:
        """The framed reply to a framed request; a number is a gRPC status."""
        length = sum(map(len, parts))
        start = parts[0][:START_BYTES] if parts else b""
        if len(start) < min(START_BYTES, length):
            start = b"".join(parts)[:START_BYTES]
        key = (path, length, start)
        reply = self._known.get(key)
        if reply is None:
            found = self._find(path, memoryview(b"".join(parts))[FRAME_BYTES:])
            if isinstance(found, int):
                return found
            if len(self._known) >= KNOWN_REQUESTS:
                self._known.clear()
            reply = self._known[key] = found
        return reply

    def _find(self, path: str, message: memoryview) -> bytes | int:
        if path not in REQUESTS:
            return UNIMPLEMENTED
        try:
            request = REQUESTS[path].FromString(message)
            model = request.model_spec.name
            if model not in self._recorded:
                return NOT_FOUND
            if path != PREDICT:
                return framed(self._recorded[model][NAMES[path]])
            tensor = next(iter(request.inputs.values()))
            return self._predicted(model, int(tensor.tensor_shape.dim[0].size))
        except (DecodeError, StopIteration, IndexError):
            return INVALID_ARGUMENT

    def _predicted(self, model: str, rows: int) -> bytes:
        if (model, rows) not in self._rows:
            reply = self._recorded[model]["predict"]
            self._rows[model, rows] = framed(reply if rows == 1 else repeated_reply(reply, rows))
        return self._rows[model, rows]


def recordings(folder: Path) -> dict[str, dict[str, bytes]]:
    """By model and name, as the sitting wrote them."""
    models = [path for path in folder.iterdir() if path.is_dir()]
    return {model.name: {name: (model / name).read_bytes() for name in NAMES.values()} for model in models}


async def start(folder: Path) -> tuple[asyncio.Server, int]:
    """A server of the folder's recordings, and its port."""
    replies = Replies(recordings(folder))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(replies.answer), "127.0.0.1", 0, backlog=4096)
    return server, server.sockets[0].getsockname()[1]


async def serve(folder: Path) -> None:
    """Until standard input ends."""
    server, port = await start(folder)
    draft = folder / "port.tmp"
    draft.write_text(str(port), encoding="ascii")
    draft.replace(folder / "port")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    uvloop.run(serve(parser.parse_args().folder))


if __name__ == "__main__":
    main()
