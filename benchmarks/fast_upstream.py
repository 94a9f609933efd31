"""A model server that computes nothing: it replays recorded replies, so that what stands before it can be measured.

`python -m benchmarks.fast_upstream FOLDER`: reads status, metadata and predict from FOLDER (recorded from a real
server), writes the bound port to FOLDER/port, ends when its standard input does. A Predict of several rows gets the
recorded row that many times.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.calls import METADATA, PREDICT, STATUS, repeated_reply, rows_of

RECORDINGS = {PREDICT: "predict", METADATA: "metadata", STATUS: "status"}


def predictor(recorded: bytes) -> Callable[[bytes], bytes]:
    """Answers Predict; replies are kept by their number of rows, which the gateway's max_batch_size bounds."""
    replies = {1: recorded}

    def predict(message: bytes) -> bytes:
        rows = rows_of(message)
        if rows not in replies:
            replies[rows] = repeated_reply(recorded, rows)
        return replies[rows]

    return predict


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, folder: Path) -> None:
        recorded = {path: (folder / name).read_bytes() for path, name in RECORDINGS.items()}
        answers: dict[str, Callable[[bytes], bytes]] = {
            PREDICT: predictor(recorded[PREDICT]),
            METADATA: lambda message: recorded[METADATA],
            STATUS: lambda message: recorded[STATUS],
        }
        self._handlers: dict[str, Any] = {
            path: grpc.unary_unary_rpc_method_handler(_handler(answers[path])) for path in answers
        }

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(details.method)


def _handler(answer: Callable[[bytes], bytes]) -> Any:
    async def handle(message: bytes, context: Any) -> bytes:
        return answer(message)

    return handle


async def start(folder: Path) -> tuple[grpc.aio.Server, int]:
    """A server of the folder's recordings, and its port."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((_Methods(folder),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def serve(folder: Path) -> None:
    """Until standard input ends."""
    server, port = await start(folder)
    draft = folder / "port.tmp"
    draft.write_text(str(port), encoding="ascii")
    draft.replace(folder / "port")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    await ended.wait()
    await server.stop(grace=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    uvloop.run(serve(parser.parse_args().folder))


if __name__ == "__main__":
    main()
